import { unsupported } from '../errors.js'
import type { ShaderRunner } from '../tensors/fused/shaders.js'
import type { VariableBackend } from './backend.js'
import type { TensorMemory } from './memory.js'
import type { TensorDevice } from './tensorDevice.js'

/** How steps can be computed. */
export const stepEngineNames = ['auto', 'ops', 'wasm', 'webgpu', 'webgl'] as const

/**
 * How steps are computed: `'wasm'`, by compiled loops in a memory; `'webgpu'`, by kernels on the buffers of a device;
 * `'webgl'`, by programs, one for each tensor that a step writes; `'ops'`, by operations of the framework; `'auto'`, by the
 * first of these that is possible.
 */
export type StepEngineName = (typeof stepEngineNames)[number]

/** What a caller asks of the way in which steps are taken. */
export interface PlaceOptions {
  /** By default `'auto'`. An engine that is not possible is ERR_NOT_SUPPORTED at the first step. */
  readonly engine?: StepEngineName | undefined
  /** Who decides whether a step by operations is written; by default the host, where it can read a scalar at once. */
  readonly stepGuard?: 'host' | 'device' | undefined
}

/** Where steps are computed: what the framework's current backend has, as far as it is asked for. */
export class Places<T extends object> {
  readonly #backend: VariableBackend<T>
  readonly #engine: StepEngineName
  readonly stepGuard: PlaceOptions['stepGuard']

  constructor(backend: VariableBackend<T>, { engine = 'auto', stepGuard }: PlaceOptions) {
    this.#backend = backend
    this.#engine = engine
    this.stepGuard = stepGuard
  }

  /** Whether a step that the engine cannot take is refused, and not taken by operations. */
  get isForced(): boolean {
    return this.#engine !== 'auto'
  }

  /** The memory of compiled loops; `undefined` where they take no steps. Throws ERR_NOT_SUPPORTED if they must. */
  memory(): TensorMemory<T> | undefined {
    // With compiled loops the host decides.
    const isLeft = this.#engine === 'auto' && this.stepGuard === 'device'
    return this.#isAsked('wasm') && !isLeft ? this.#required('wasm', this.#backend.memory?.()) : undefined
  }

  /** The device of kernels, likewise. */
  device(): TensorDevice<T> | undefined {
    return this.#isAsked('webgpu') ? this.#required('webgpu', this.#backend.device?.()) : undefined
  }

  /** What runs programs, likewise. */
  shaders(): ShaderRunner<T> | undefined {
    return this.#isAsked('webgl') ? this.#required('webgl', this.#backend.shaders?.()) : undefined
  }

  #isAsked(engine: StepEngineName): boolean {
    return this.#engine === 'auto' || this.#engine === engine
  }

  #required<P>(engine: 'wasm' | 'webgpu' | 'webgl', found: P | undefined): P | undefined {
    if (found !== undefined || this.#engine !== engine) return found
    throw unsupported(`${reason(engine, this.#backend)}; use engine: 'auto' or 'ops'`)
  }
}

/** Why the current backend has no place for an engine. */
function reason<T extends object>(engine: 'wasm' | 'webgpu' | 'webgl', backend: VariableBackend<T>): string {
  const name = backend.backendName()
  if (engine === 'wasm') return `there are no compiled loops, or no memory for them, on the ${name} backend`
  return name === engine
    ? `this ${engine} backend cannot run the core's kernels: its version has not the members that they need, or its tensors are in half precision, or it is of WebGL 1`
    : `there are no kernels for ${engine} on the ${name} backend: set that by ${backend.backendSetter}`
}
