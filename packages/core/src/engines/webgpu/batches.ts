import { unsupported } from '../../errors.js'
import type { StepPlan } from '../../step/plan.js'
import { countOf, type Form } from './codegen/form.js'
import { bufferUsage, type GpuBuffer, type GpuDevice } from './device.js'

/** An array of a parameter: a place in a buffer. */
export interface Place {
  readonly buffer: GpuBuffer
  /** In numbers. */
  readonly offset: number
  readonly length: number
}

/** Parameters of a form whose slots and intermediate values are in the same buffers, the arenas. */
export interface Batch {
  readonly form: Form
  /** Indices of the parameters. */
  readonly members: readonly number[]
  readonly arenas: readonly GpuBuffer[]
  /** By item of the form, the index of its arena. */
  readonly arenaOf: readonly number[]
  /** By member and item. */
  readonly places: readonly (readonly Place[])[]
}

/** The most parameters of a batch. Their words have to fit a uniform buffer. */
const mostMembers = 64

/** The most bytes of a buffer that a kernel can use. */
function largestBuffer({ limits }: GpuDevice): number {
  return Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize)
}

/** Puts parameters of equal form together, as many as fit a buffer, and creates the buffers. */
export function createBatches(
  device: GpuDevice,
  { parameters }: StepPlan,
  forms: readonly Form[],
  formOf: readonly number[],
  createBuffer: (size: number, usage: number) => GpuBuffer,
): Batch[] {
  const most = largestBuffer(device) / 4
  return forms.flatMap((form) => {
    const sizesOf = (index: number): number[] =>
      form.items.map(({ shape }) => countOf(shape, parameters[index]!))
    const groups: number[][] = []
    let words = 0
    for (const index of parameters.keys()) {
      if (formOf[index] !== form.index) continue
      const size = sizesOf(index).reduce((a, b) => a + b, 0)
      const group = groups.at(-1)
      if (group && group.length < mostMembers && words + size <= most) group.push(index)
      else groups.push([index])
      words = groups.at(-1)!.length === 1 ? size : words + size
    }
    return groups.map((members) => {
      const arenaOf = members.length > 1 ? form.items.map(() => 0) : spread(form, sizesOf(members[0]!), most)
      const ends = Array.from({ length: Math.max(-1, ...arenaOf) + 1 }, () => 0)
      const offsets = members.map((index) =>
        sizesOf(index).map((length, item) => {
          const arena = arenaOf[item]!
          const offset = ends[arena]!
          ends[arena] = offset + length
          return { arena, offset, length }
        }),
      )
      const { storage, copySource, copyTarget } = bufferUsage
      const arenas = ends.map((end) => createBuffer(4 * Math.max(end, 1), storage | copySource | copyTarget))
      const places = offsets.map((own) =>
        own.map(({ arena, offset, length }) => ({ buffer: arenas[arena]!, offset, length })),
      )
      return { form, members, arenas, arenaOf, places }
    })
  })
}

/** Spreads the items of one parameter over arenas, each of which it fills as far as it can. */
function spread({ items }: Form, sizes: readonly number[], most: number): number[] {
  let [arena, words] = [0, 0]
  return items.map((_, item) => {
    const size = sizes[item]!
    if (size > most)
      throw unsupported(
        `a parameter has a slot of ${4 * size} bytes, and the device binds at most ${4 * most}: request it with a larger ` +
          'maxStorageBufferBindingSize and maxBufferSize',
      )
    if (words > 0 && words + size > most) [arena, words] = [arena + 1, 0]
    words += size
    return arena
  })
}
