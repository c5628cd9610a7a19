import type { TypedArray } from '@induced-metric/core'
import type { OrtTensor, OrtValues } from '@induced-metric/onnx'
import { createOrtTensor, runOrtSession } from '../ort/ort.js'
import { feedsOf } from './feeds.js'
import type { SessionSetup } from './setUp.js'
import type { SessionTensors } from './tensors.js'

/** The train steps of a session, whose gradients and losses are added up until the next reset. */
export interface TrainSteps {
  /** The number of train steps since the latest reset. */
  readonly count: number
  /** The sum of their losses. */
  readonly loss: number
  /** Starts the sums afresh with the next train step. */
  resetLazily(): void
  /**
   * Runs the training model once and adds its gradients to the sums. Running statistics move along.
   *
   * @param names the outputs to return
   */
  run(feeds: OrtValues, names: readonly string[], options?: object): Promise<Record<string, OrtTensor>>
}

/** Creates the train steps of a session over its tensors. */
export function createTrainSteps(
  { runtime, optimizer, frozen }: SessionSetup,
  tensors: SessionTensors,
): TrainSteps {
  const { ort, lowered, train, fillsFetches } = runtime
  const [lossName] = lowered.outputs as [string]
  const statistics = lowered.buffers.map(({ parameter, output }) => ({
    output,
    data: frozen.find(({ name }) => name === parameter)?.data as TypedArray | undefined,
  }))
  let count = 0
  let loss = 0
  let resets = false

  const run: TrainSteps['run'] = async (feeds, names, options) => {
    if (resets) [count, loss, resets] = [0, 0, false]
    const filled = { ...tensors.others, ...(count === 0 ? tensors.gradients() : tensors.addends()) }
    // The session's tensors where it has one for an output, the runtime's (null until it has run) for the others.
    const outputs: Record<string, OrtTensor | null> = { [lossName]: null }
    for (const name of names) outputs[name] = null
    for (const { output } of statistics) outputs[output] = null
    Object.assign(outputs, filled)
    const returned = await runOrtSession(
      train.session,
      'trainModel',
      feedsOf(train.inputs, feeds, tensors.parameters()),
      fillsFetches ? outputs : Object.keys(outputs),
      options,
    )
    // A runtime that fills the session's tensors may return others over the same memory: read ours, never those.
    for (const name of Object.keys(outputs)) {
      if (!fillsFetches || outputs[name] === null) outputs[name] = returned[name]!
    }
    const dataOf = (name: string): TypedArray => outputs[name]!.data as TypedArray
    const sums = optimizer.gradients
    lowered.gradients.forEach(({ output }, i) => {
      const data = dataOf(output)
      const sum = sums[i]!.data
      if (count > 0) addTo(sum, data)
      else if (data !== sum) sum.set(data)
    })
    for (const { output, data } of statistics) data?.set(dataOf(output))
    loss += Number(dataOf(lossName)[0])
    count++
    // The next step writes into the session's tensors, so the caller gets copies of them.
    return Object.fromEntries(
      names.map((name) => {
        const output = outputs[name]!
        if (!Object.hasOwn(filled, name)) return [name, output]
        return [name, createOrtTensor(ort, output.type, dataOf(name).slice(), output.dims)]
      }),
    )
  }
  return {
    get count() {
      return count
    },
    get loss() {
      return loss
    },
    resetLazily() {
      resets = true
    },
    run,
  }
}

function addTo(sum: TypedArray, addend: TypedArray): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += addend[i]!
}
