import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { TypedArray } from '../dtype.js'
import { checkpointError, disposedError } from '../errors.js'
import { initialReport, type StepReport } from '../step/report.js'
import { Adoption, valuesOf, type AdoptableParameter, type AdoptedMemory } from './adoption.js'
import type { Parameter } from './types.js'

/** A model that lets its parameters move to the optimiser's memory, so that a step copies nothing. */
export interface AdoptableModel<R = readonly AdoptableParameter[] | undefined> {
  /** Returns the current parameters, always in the same order; `undefined` while the model has none. */
  parameters(): R
  /** Returns the object that holds the parameters. Another object means that the model was made anew. */
  owner(): unknown
}

/**
 * A model, as an optimiser follows it: a function that returns parameters, which are updated where they are stored, or a
 * model whose parameters are adopted.
 */
export type FollowedModel<R> = (() => R) | AdoptableModel<R>

/** The members that all optimisers of a model have. */
export interface FollowingOptimizer<R> {
  /** The report of the latest step; before the first, one with `step: 0`. */
  readonly report: StepReport
  /**
   * Checks whether the model has other arrays than before, and starts over if so: with a new optimiser, of those. Single
   * arrays that an {@link AdoptableModel} has replaced are taken over instead. Call it before you take gradients from the
   * model; `save` and `load` do so by themselves.
   *
   * @returns the model's current parameters; for an `AdoptableModel`, the same list until the optimiser starts over
   * @throws the errors of creating an optimiser of them; the optimiser is then as before
   */
  follow(): R
  /**
   * A copy of the optimiser's state, for `load` here or in another adapter.
   *
   * @throws ERR_CHECKPOINT while the model has no parameters; ERR_DISPOSED
   */
  save(): Checkpoint
  /**
   * Continues from a saved state. It does not contain the parameters themselves.
   *
   * @throws ERR_CHECKPOINT when it belongs to another transformation or to other parameters, or while the model has none;
   *   ERR_DISPOSED. Nothing has changed then.
   */
  load(checkpoint: Checkpoint | Uint8Array): void
  /**
   * Releases the optimiser's memory, and gives an `AdoptableModel` arrays of its own again. Every later call throws
   * ERR_DISPOSED.
   */
  dispose(): void
}

/** An optimiser, and the memory that it works on. */
interface Made<O> {
  readonly optimizer: O
  readonly memory: AdoptedMemory
}

/** The parameters of models, where they are stored or to be adopted; `undefined` while there are none. */
export type ModelParameters = readonly Parameter[] | readonly AdoptableParameter[] | undefined

/** Follows a model with optimisers of the parameters that it has at the time. */
export class Follower<
  R extends ModelParameters,
  O extends Omit<FollowingOptimizer<R>, 'follow'>,
> implements FollowingOptimizer<R> {
  /** The optimiser of the parameters; `undefined` while the model has none. */
  optimizer: O | undefined
  /** The parameters in the optimiser's memory, where the model is adopted. */
  adoption: Adoption | undefined
  isDisposed = false
  readonly #model: FollowedModel<R>
  readonly #make: (parameters: readonly Parameter[], adopt: boolean) => Made<O>
  /** The model's parameters as they are now, if they are still those of the optimiser. */
  #current: (() => R | undefined) | undefined

  /** @param make makes an optimiser; with `adopt`, the parameters' arrays are copies that belong to the optimiser */
  constructor(model: FollowedModel<R>, make: (parameters: readonly Parameter[], adopt: boolean) => Made<O>) {
    this.#model = model
    this.#make = make
    // A model that is adopted stays as it is until it is first trained.
    if (typeof model === 'function') this.follow()
  }

  get report(): StepReport {
    return this.optimizer?.report ?? initialReport
  }

  follow(): R {
    const same = this.isDisposed ? undefined : this.#current?.()
    if (same) return same
    const model = this.#model
    const parameters = typeof model === 'function' ? model() : model.parameters()
    if (this.isDisposed) return parameters
    const before = this.optimizer
    if (parameters === undefined) this.optimizer = this.adoption = this.#current = undefined
    else if (typeof model === 'function') this.#holdInPlace(model, parameters as readonly Parameter[])
    else this.#adopt(model, parameters)
    before?.dispose()
    return parameters
  }

  /**
   * Follows the model and returns its optimiser.
   *
   * @throws ERR_CHECKPOINT while the model has no parameters; ERR_DISPOSED
   */
  existing(purpose: string): O {
    this.follow()
    if (this.optimizer) return this.optimizer
    if (this.isDisposed) throw disposedError()
    throw checkpointError(
      `${purpose}: the model has no weights yet. Train it first, or initialise or load it`,
    )
  }

  save(): Checkpoint {
    return this.existing('save').save()
  }

  load(checkpoint: Checkpoint | Uint8Array): void {
    this.existing('load').load(checkpoint)
  }

  dispose(): void {
    if (this.isDisposed) return
    this.isDisposed = true
    this.adoption?.release()
    this.optimizer?.dispose()
  }

  #holdInPlace(parametersOf: () => R, parameters: readonly Parameter[]): void {
    this.optimizer = this.#make(parameters, false).optimizer
    const arrays = parameters.map(({ data }) => data)
    this.#current = () => {
      const now = parametersOf()
      return haveArrays(now as readonly Parameter[] | undefined, arrays) ? now : undefined
    }
  }

  #adopt(model: AdoptableModel<R>, parameters: R): void {
    const adopted = parameters as readonly AdoptableParameter[]
    const copies = adopted.map((parameter) => ({ ...parameter, data: valuesOf(parameter) }))
    const { optimizer, memory } = this.#make(copies, true)
    const adoption = new Adoption(adopted, memory)
    const owner = model.owner()
    this.optimizer = optimizer
    this.adoption = adoption
    this.#current = () => (model.owner() === owner && adoption.reclaim() ? parameters : undefined)
  }
}

/** Whether parameters are views of the same elements as these arrays. */
function haveArrays(parameters: readonly Parameter[] | undefined, arrays: readonly TypedArray[]): boolean {
  return (
    parameters?.length === arrays.length &&
    parameters.every(({ data }, i) => {
      const { buffer, byteOffset, byteLength } = arrays[i]!
      return data.buffer === buffer && data.byteOffset === byteOffset && data.byteLength === byteLength
    })
  )
}
