import type { GpuBuffer, GpuQueue } from './device.js'
import { stateWords } from './codegen/words.js'

/** The counts that scalars depend on beside the number of steps: how many of these did not count, of two kinds. */
export type Offsets = readonly [number, number]

/** Scalars that several parameters, or a unit or profile, read. */
export interface EarlyClass {
  /** The number of its scalars. */
  readonly width: number
  /** Writes the scalars of a step into `out`, from `at` on. */
  write(out: Float32Array, at: number, step: number, offsets: Offsets): void
}

/** The steps that the device may be about to take. */
export interface Window {
  readonly first: number
  readonly last: number
}

/**
 * The early scalars of the next steps, in a ring on the device. The host does not know how many of its steps the device has
 * taken, so it writes the rows of every step that the next one can be, and the device picks one by its own counts.
 */
export class EarlyTable {
  #classes: readonly EarlyClass[]
  /** The address of the table in the state. */
  readonly #address: number
  #ringLength = 64
  #slots = 1
  /** By class and slot, the offsets of its rows. */
  #rows: (Offsets | undefined)[][]
  /** The steps whose records are written. */
  #written: Window = { first: 1, last: 0 }
  #record: Float32Array<ArrayBuffer>

  constructor(classes: readonly EarlyClass[], address: number) {
    this.#classes = classes
    this.#address = address
    this.#rows = classes.map(() => [])
    this.#record = new Float32Array(this.#recordWords())
  }

  /** The number of words of the table. */
  get words(): number {
    return 3 * this.#slots * this.#classes.length + this.#ringLength * this.#recordWords()
  }

  #recordWords(): number {
    return this.#slots * this.#classes.reduce((total, { width }) => total + width, 0)
  }

  /** Takes the scalars from other classes, of the same widths. */
  replace(classes: readonly EarlyClass[]): void {
    this.#classes = classes
    this.invalidate()
  }

  /** Forgets what is written: hyperparameters or the buffer have changed. */
  invalidate(): void {
    this.#written = { first: 1, last: 0 }
    this.#rows = this.#classes.map(() => [])
  }

  /**
   * Makes room for the rows of some steps.
   *
   * @returns whether the table has grown, so that it needs a larger buffer
   */
  reserve({ first, last }: Window, offsets: readonly (readonly Offsets[])[]): boolean {
    const before = this.words
    while (this.#ringLength < last - first + 1) this.#ringLength *= 2
    while (offsets.some((list) => list.length > this.#slots)) this.#slots *= 2
    if (this.words === before) return false
    this.#record = new Float32Array(this.#recordWords())
    this.invalidate()
    return true
  }

  /**
   * Writes the rows of some steps that are not there yet.
   *
   * @param offsets by class, the offsets that parameters with a gradient may have
   * @throws ERR_OPTION when a schedule leaves its range; then nothing is written
   */
  write(queue: GpuQueue, state: GpuBuffer, window: Window, offsets: readonly (readonly Offsets[])[]): void {
    const isNew = this.#assign(offsets)
    const records = this.#records(window, isNew)
    if (isNew) this.#writeHeaders(queue, state)
    const ring = this.#address + 3 * this.#slots * this.#classes.length
    for (const [step, record] of records) {
      const at = ring + (step % this.#ringLength) * record.length
      if (record.length > 0) queue.writeBuffer(state, 4 * at, record)
    }
    this.#written = window
  }

  /** The records of the steps of a window that are not there yet. */
  #records(window: Window, isNew: boolean): ReadonlyMap<number, Float32Array<ArrayBuffer>> {
    const { first, last } = this.#written
    const isGap = window.first < first || window.first > last + 1
    const from = isNew || isGap ? window.first : Math.max(window.first, last + 1)
    const records = new Map<number, Float32Array<ArrayBuffer>>()
    try {
      for (let step = from; step <= window.last; step++) {
        // Steps mostly come one by one.
        const record = step === window.last ? this.#record : new Float32Array(this.#record.length)
        this.#fill(record, step)
        records.set(step, record)
      }
    } catch (error) {
      // Rows have slots that the device does not know of.
      this.invalidate()
      throw error
    }
    return records
  }

  /** Gives offsets that have no rows a slot. */
  #assign(offsets: readonly (readonly Offsets[])[]): boolean {
    let isNew = false
    offsets.forEach((needed, index) => {
      const rows = this.#rows[index]!
      const isSame = (a: Offsets, b: Offsets | undefined): boolean => a[0] === b?.[0] && a[1] === b[1]
      for (const each of needed) {
        if (rows.some((row) => isSame(each, row))) continue
        let free = 0
        while (rows[free] !== undefined && needed.some((other) => isSame(other, rows[free]))) free++
        rows[free] = each
        isNew = true
      }
    })
    return isNew || this.#written.last < this.#written.first
  }

  #fill(record: Float32Array, step: number): void {
    let at = 0
    this.#classes.forEach((one, index) => {
      this.#rows[index]!.forEach((offsets, slot) => {
        if (offsets) one.write(record, at + slot * one.width, step, offsets)
      })
      at += this.#slots * one.width
    })
  }

  #writeHeaders(queue: GpuQueue, state: GpuBuffer): void {
    const headers = new Uint32Array(3 * this.#slots * this.#classes.length)
    let [place, column] = [0, 0]
    this.#classes.forEach(({ width }, index) => {
      for (let slot = 0; slot < this.#slots; slot++, column += width, place += 3)
        headers.set([...(this.#rows[index]![slot] ?? [0xffffffff, 0xffffffff]), column], place)
    })
    if (headers.length > 0) queue.writeBuffer(state, 4 * this.#address, headers)
    const ring = this.#address + headers.length
    const fixed = Uint32Array.of(ring, this.#ringLength, this.#recordWords(), this.#address, this.#slots)
    queue.writeBuffer(state, 4 * stateWords.ring, fixed)
  }
}
