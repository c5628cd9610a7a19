import { writeCheckpoint, type CheckpointState, type NamedTensor, type OrtTensor } from '@induced-metric/onnx'
import { bufferParts, optimizerState, scatterParts, sizeOfParts } from '@induced-metric/onnx/adapter'
import { contiguousTensor } from '../session/contents.js'
import type { GpuSetup } from './setUp.js'
import { readParameters, type DeviceParameter } from './parameters.js'

/** The forms in which callers take what a session on the device holds. */
export class GpuContents {
  readonly #setup: GpuSetup

  constructor(setup: GpuSetup) {
    this.#setup = setup
  }

  /** Reads all parameters, trainable ones first. */
  parameters(): Promise<(NamedTensor & { readonly trainable: boolean })[]> {
    return readParameters(this.#setup.runtime, this.#setup.parameters)
  }

  size(trainableOnly: boolean): number {
    return sizeOfParts(this.#parts(this.#setup.parameters, trainableOnly))
  }

  async contiguous(trainableOnly: boolean): Promise<OrtTensor> {
    return contiguousTensor(this.#setup.runtime.ort, this.#parts(await this.parameters(), trainableOnly))
  }

  /** Sets all parameters from the bytes of such a tensor. */
  load(bytes: Uint8Array, trainableOnly: boolean): void {
    const { parameters, buffers } = this.#setup
    // Into copies: the bytes may be too few, and the values before are the caller's.
    const copies = parameters.map((parameter) => ({ ...parameter, data: parameter.data.slice() }))
    scatterParts(this.#parts(copies, trainableOnly), bytes, trainableOnly)
    copies.forEach(({ data, trainable }, index) => {
      const parameter = parameters[index]!
      if (trainableOnly && !trainable) return
      parameter.data = data
      if (parameter.buffer) buffers.write(parameter.buffer, data)
    })
  }

  async checkpoint(includeOptimizerState: boolean): Promise<CheckpointState> {
    const { optimizer, steps, properties } = this.#setup
    const withState = includeOptimizerState && steps
    const rate = optimizer.learningRate
    const [tensors, saved] = await Promise.all([this.parameters(), withState ? optimizer.save() : undefined])
    const plain = (isTrainable: boolean): NamedTensor[] =>
      tensors
        .filter(({ trainable }) => trainable === isTrainable)
        .map(({ trainable: _, ...tensor }) => tensor)
    const base = {
      trainable: plain(true),
      frozen: plain(false),
      optimizerGroups: [],
      properties: new Map(properties),
    }
    if (!saved) return base
    const state = optimizerState(saved, rate)
    return { ...base, ...state, properties: new Map([...properties, ...state.properties]) }
  }

  async bytes(includeOptimizerState: boolean): Promise<Uint8Array> {
    return writeCheckpoint(await this.checkpoint(includeOptimizerState))
  }

  #parts(parameters: readonly (NamedTensor & Pick<DeviceParameter, 'trainable'>)[], trainableOnly: boolean) {
    const chosen = parameters.filter(({ trainable }) => trainable || !trainableOnly)
    return bufferParts(chosen, this.#setup.order)
  }
}
