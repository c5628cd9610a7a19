import { elementType, type ElementType, type Slots, type TypedArray } from '../../dtype.js'
import { sizeOf } from '../../shape.js'
import { fillSlot, slotShape, type InitialSlots } from '../../step/initialSlots.js'
import { fillNormals, normalSources, type NormalSource } from '../../step/normals.js'
import type { StepPlan } from '../../step/plan.js'
import type { EngineArrays } from '../engine.js'
import type { TensorBinding } from './binding.js'
import type { EngineMemory } from './engineMemory.js'
import type { TensorLayout } from './layout.js'
import { watchGrowth } from './memory.js'

/** The views of one parameter's tensors. */
interface Views {
  readonly parameter: TypedArray
  readonly gradient: TypedArray
  readonly slots: Slots
  /** For normal numbers, in the order of their sources. */
  readonly normals: readonly TypedArray[]
}

/** An engine's tensors: their addresses, and the arrays that callers see. */
export class EngineTensors {
  readonly bindings: TensorBinding[] = []
  /** By parameter: how many there were when it was added. Parameters that were added together are contiguous. */
  readonly cohorts: number[] = []
  /** The arrays as of the last `refresh`. */
  arrays: EngineArrays = { parameters: [], gradients: [], slots: [] }
  readonly #engineMemory: EngineMemory
  readonly #adopt: boolean
  readonly #types: ElementType[] = []
  /** By parameter: the names and the numbers of elements of its slots. */
  readonly #slotSizes: (readonly (readonly [name: string, size: number])[])[] = []
  /** By parameter. */
  readonly #normalSources: (readonly NormalSource[])[] = []
  readonly #gradientAddresses: number[] = []
  /** The arrays that remain the parameters, where those are outside the memory. */
  readonly #outside: (TypedArray | undefined)[] = []
  /** Those arrays, and the views that they are copied to. */
  #copies: { readonly array: TypedArray; readonly view: TypedArray }[] = []
  readonly #blocks: Record<keyof EngineArrays, number[]> = { parameters: [], gradients: [], slots: [] }
  readonly #exposed = new Set<keyof EngineArrays>()
  #views: Views[] = []
  #hasGrown: () => boolean

  /** @param adopt whether arrays outside the memory are copied in once, and are not the parameters thereafter */
  constructor(engineMemory: EngineMemory, adopt: boolean) {
    this.#engineMemory = engineMemory
    this.#adopt = adopt
    this.#hasGrown = watchGrowth(engineMemory.memory)
  }

  /**
   * Creates the views again if the memory has grown, as the old ones have no elements then.
   *
   * @returns whether it had grown
   */
  refresh(): boolean {
    if (!this.#hasGrown()) return false
    this.#views = this.bindings.map((binding, index) => this.#viewsOf(binding, index))
    const outside = this.#outside
    this.arrays = {
      parameters: this.#views.map(({ parameter }, index) => outside[index] ?? parameter),
      gradients: this.#views.map(({ gradient }) => gradient),
      slots: this.#views.map(({ slots }) => slots),
    }
    this.#copies = this.#views.flatMap(({ parameter }, index) => {
      const array = outside[index]
      return array ? [{ array, view: parameter }] : []
    })
    return true
  }

  #viewsOf({ size, inputs }: TensorBinding, index: number): Views {
    const { buffer } = this.#engineMemory.memory
    const view = (address: number, length = size): TypedArray =>
      this.#types[index] === 'float32'
        ? new Float32Array(buffer, address, length)
        : new Float64Array(buffer, address, length)
    const [, parameter, ...others] = inputs
    const slots = this.#slotSizes[index]!
    return {
      parameter: view(parameter!),
      gradient: view(this.#gradientAddresses[index]!),
      slots: Object.fromEntries(slots.map(([name, length], i) => [name, view(others[i]!, length)])),
      normals: this.#normalSources[index]!.map((_, i) => view(others[slots.length + i]!)),
    }
  }

  /**
   * Adds parameters that have been laid out, and sets their values.
   *
   * @param isInMemory whether each of them was in the engine's memory before that grew
   */
  add(
    plan: StepPlan,
    added: readonly TypedArray[],
    isInMemory: readonly boolean[],
    initial: readonly InitialSlots[],
    { bindings, blocks }: TensorLayout,
  ): void {
    const engineMemory = this.#engineMemory
    const first = this.bindings.length
    for (const kind of ['parameters', 'gradients', 'slots'] as const) {
      this.#blocks[kind].push(...blocks[kind])
      if (this.#exposed.has(kind)) engineMemory.expose(blocks[kind])
    }
    if (this.#adopt) engineMemory.keep(blocks.parameters)
    added.forEach((array, i) => {
      const binding = bindings[first + i]!
      this.bindings.push(binding)
      this.cohorts.push(first)
      this.#types.push(elementType(array)!)
      const parameter = plan.parameters[first + i]!
      const { slots } = parameter.graph
      this.#slotSizes.push(slots.map((name) => [name, sizeOf(slotShape(parameter, name))]))
      this.#normalSources.push(normalSources(plan, first + i))
      this.#gradientAddresses.push(binding.inputs[0]!)
      this.#outside.push(this.#adopt || isInMemory[i] ? undefined : array)
    })
    this.#hasGrown = watchGrowth(engineMemory.memory)
    this.refresh()
    added.forEach((array, i) => {
      const { parameter, gradient, slots } = this.#views[first + i]!
      if (!isInMemory[i]) parameter.set(array)
      // Memory that another optimiser has released is not zero.
      gradient.fill(0)
      for (const [name, value] of Object.entries(initial[i]!)) fillSlot(slots[name]!, value)
    })
  }

  /** Reports that the caller gets arrays of a kind, and may keep them. */
  expose(kind: keyof EngineArrays): void {
    if (this.#exposed.has(kind)) return
    this.#exposed.add(kind)
    this.#engineMemory.expose(this.#blocks[kind])
  }

  /** Sets the addresses at which a step reads gradients: in place if they are in the memory, else those of copies. */
  placeGradients(active: readonly number[], given: readonly (TypedArray | null)[]): void {
    const engineMemory = this.#engineMemory
    const addresses = this.#gradientAddresses
    const { bindings } = this
    const { gradients } = this.arrays
    for (const index of active) {
      const gradient = given[index]!
      const { inputs } = bindings[index]!
      if (gradient === gradients[index]) inputs[0] = addresses[index]!
      else if (engineMemory.contains(gradient)) inputs[0] = gradient.byteOffset
      else {
        gradients[index]!.set(gradient)
        inputs[0] = addresses[index]!
      }
    }
  }

  /**
   * Copies gradients to the engine's own arrays.
   *
   * @returns false where one is missing, or is elsewhere in the memory
   */
  copyGradients(given: readonly (TypedArray | null)[]): boolean {
    const { gradients } = this.arrays
    const engineMemory = this.#engineMemory
    for (let index = 0; index < given.length; index++) {
      const gradient = given[index]!
      if (gradient === null) return false
      if (gradient === gradients[index]) continue
      if (engineMemory.contains(gradient)) return false
      gradients[index]!.set(gradient)
    }
    return true
  }

  /** Draws the normal numbers that a parameter's update reads. */
  drawNormals(index: number, step: number): void {
    const sources = this.#normalSources[index]!
    for (let i = 0; i < sources.length; i++) {
      fillNormals(this.#views[index]!.normals[i]!, { ...sources[i]!, step })
    }
  }

  /** Copies parameters in whose arrays are outside the memory. */
  copyIn(indices: readonly number[]): void {
    if (this.#copies.length === 0) return
    const [outside, views] = [this.#outside, this.#views]
    for (const index of indices) {
      const array = outside[index]
      if (array) views[index]!.parameter.set(array)
    }
  }

  /** Copies parameters out whose arrays are outside the memory. */
  copyOut(indices: readonly number[]): void {
    if (this.#copies.length === 0) return
    const [outside, views] = [this.#outside, this.#views]
    for (const index of indices) outside[index]?.set(views[index]!.parameter)
  }

  /** The same as `copyIn` for all parameters. */
  copyAllIn(): void {
    for (const { array, view } of this.#copies) view.set(array)
  }

  /** The same as `copyOut` for all parameters. */
  copyAllOut(): void {
    for (const { array, view } of this.#copies) array.set(view)
  }
}
