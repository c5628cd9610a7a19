import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType, type AttributeValue } from '../../src/proto/index.js'
import { lowerModel } from '../../src/lowering/index.js'
import { isInstalled } from '../genuine/runtime.js'
import { relativeError, runModel, type PlainTensor } from '../run.js'
import { gradientsOf, runs } from './arbitraries.js'
import { checkGradients, drawn, gradientModel, type Tensor } from './harness.js'
import {
  functions,
  inputsOf,
  modelOf,
  outputsOf,
  plain,
  reals,
  texts,
  type Kind,
  type Layer,
} from './recurrentCases.js'

const kinds = ['LSTM', 'GRU', 'RNN'] as const
const directions = ['forward', 'reverse', 'bidirectional'] as const
const { float, double } = dataType

/** The same numbers, rounded to float, in both types. */
function bothOf(layer: Layer): {
  readonly float: Record<string, Tensor>
  readonly double: Record<string, Tensor>
} {
  const narrow = inputsOf({ ...layer, type: float })
  const widen = (given: Tensor): Tensor =>
    given.dataType === float
      ? { ...given, dataType: double, data: Float64Array.from(given.data as Float32Array) }
      : given
  return {
    float: narrow,
    double: Object.fromEntries(Object.entries(narrow).map(([name, given]) => [name, widen(given)])),
  }
}

const labels: Readonly<Record<number, string>> = {
  [dataType.int32]: 'int32',
  [float]: 'float32',
  [double]: 'float64',
}

function plainly(tensors: Readonly<Record<string, Tensor>>): Record<string, PlainTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dims, data, dataType: type }]) => [
      name,
      { dims, data: Array.from(data as ArrayLike<number>), type: labels[type]! },
    ]),
  )
}

/** The outputs of the layer written out in double, against those of the genuine kernel: 1e-5. */
async function compareOutputs(layer: Layer): Promise<void> {
  const inputs = bothOf(layer)
  const written = await runModel(lowerModel(modelOf({ ...layer, type: double })), plainly(inputs.double))
  const genuine = await runModel(lowerModel(modelOf({ ...layer, type: float })), plainly(inputs.float))
  for (const [name, { dims, data }] of Object.entries(genuine)) {
    expect(written[name]!.dims, name).toEqual(dims)
    expect(relativeError(written[name]!.data, data), name).toBeLessThan(1e-5)
  }
}

/** Gradients in float, from the states of the genuine kernel, against those in double: 1e-5. */
async function compareGradients(layer: Layer): Promise<void> {
  const inputs = bothOf(layer)
  const wanted = Object.keys(inputs.float).filter((name) => name !== 'lengths')
  const weights = (type: number) =>
    Object.fromEntries(
      Object.entries(outputsOf(layer)).map(([name, dims], i) => [
        name,
        drawn(dims, 7 + i, { low: 0.5, type }),
      ]),
    )
  const [found, expected] = await Promise.all([
    gradientsOf(modelOf({ ...layer, type: float }), inputs.float, weights(float), wanted),
    gradientsOf(modelOf({ ...layer, type: double }), inputs.double, weights(double), wanted),
  ])
  for (const name of wanted) {
    expect(relativeError(found[name]!, expected[name]!), `gradient of ${name}`).toBeLessThan(1e-5)
  }
}

async function checkAll(layer: Layer): Promise<void> {
  await compareOutputs(layer)
  await checkGradients(modelOf(layer), inputsOf(layer))
  await compareGradients(layer)
}

const layers = fc
  .record({
    kind: fc.constantFrom(...kinds),
    direction: fc.constantFrom(...directions),
    time: fc.integer({ min: 1, max: 4 }),
    batch: fc.integer({ min: 1, max: 3 }),
    inputs: fc.integer({ min: 1, max: 3 }),
    hidden: fc.integer({ min: 1, max: 3 }),
    hasBias: fc.boolean(),
    hasInitial: fc.boolean(),
    isBatchFirst: fc.boolean(),
    outputs: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    opset: fc.constantFrom(14, 17, 22),
    isOpen: fc.boolean(),
    clip: fc.option(fc.constantFrom(0.3, 1), { nil: undefined }),
    flag: fc.boolean(),
    lengths: fc.option(fc.array(fc.nat(4), { minLength: 3, maxLength: 3 }), { nil: undefined }),
    seed: fc.nat(100),
  })
  .map(({ clip, flag, lengths, outputs, ...rest }): Layer => {
    const { kind, time, batch } = rest
    // The runtime's RNN reads before its memory for a sequence without any step.
    const least = kind === 'RNN' ? 1 : 0
    const flags: Readonly<Record<Kind, Record<string, AttributeValue>>> = {
      LSTM: { input_forget: Number(flag) },
      GRU: { linear_before_reset: Number(flag) },
      RNN: {},
    }
    const given = outputs.slice(0, kind === 'LSTM' ? 3 : 2)
    return {
      ...rest,
      type: double,
      outputs: given.includes(true) ? given : [true, true, true],
      lengths: lengths?.slice(0, batch).map((length) => Math.min(Math.max(length, least), time)),
      attributes: { ...flags[kind], ...(clip !== undefined && { clip: { float: clip } }) },
    }
  })

describe.each(kinds)('%s', (kind) => {
  it.each(directions)('%s, of sequences of one length and of several', async (direction) => {
    await checkAll({ ...plain, kind, direction })
    await checkAll({ ...plain, kind, direction, lengths: [2, 4, 1] })
  })

  it.each([
    ['Y', [true, false, false]],
    ['Y_h', [false, true, false]],
    ['Y_c', [false, false, true]],
  ])('of %s alone', async (output, outputs) => {
    if (kind !== 'LSTM' && output === 'Y_c') return
    await checkAll({ ...plain, kind, direction: 'bidirectional', outputs, lengths: [4, 2, 3] })
  })

  it.each([
    ['Affine', [0.7], [0.1]],
    ['Relu', [], []],
    ['LeakyRelu', [0.3], []],
    ['ThresholdedRelu', [0.2], []],
    ['Tanh', [], []],
    ['ScaledTanh', [0.8], [0.6]],
    ['Sigmoid', [], []],
    ['HardSigmoid', [0.3], [0.4]],
    ['Elu', [0.6], []],
    ['Softsign', [], []],
    ['Softplus', [], []],
  ])('with %s in each place', async (name, alpha, beta) => {
    for (let place = 0; place < functions[kind]; place++) {
      const each = Array.from({ length: functions[kind] }, (_, i) => (i === place ? name : 'Sigmoid'))
      const attributes = {
        activations: texts(...each),
        ...(alpha.length > 0 && { activation_alpha: reals(...alpha) }),
        ...(beta.length > 0 && { activation_beta: reals(...beta) }),
      }
      await checkAll({ ...plain, kind, attributes, time: 3, batch: 2, seed: 5 + place })
    }
  })

  it('takes alphas and betas by direction, or in turn', async () => {
    const each = ['HardSigmoid', 'LeakyRelu', 'ScaledTanh'].slice(0, functions[kind])
    const both = kind === 'RNN' ? ['HardSigmoid', 'ScaledTanh'] : [...each, 'Sigmoid', ...each.slice(1)]
    const attributes = {
      activations: texts(...both),
      activation_alpha: reals(...[0.3, 0.2, 0.9, 0.1].slice(0, kind === 'RNN' ? 2 : 4)),
      activation_beta: reals(0.6, 0.7),
    }
    await checkAll({ ...plain, kind, direction: 'bidirectional', attributes, seed: 3 })
  })

  it.skipIf(!isInstalled)('in the training build of the runtime, which has the same loops', async () => {
    const layer: Layer = { ...plain, kind, lengths: [1, 4, 3] }
    await checkGradients(modelOf(layer), inputsOf(layer), { genuine: true })
  })
})

describe('recurrent layers', () => {
  it('of all forms have the gradients of finite differences', async () => {
    await fc.assert(
      fc.asyncProperty(layers, (layer) => checkGradients(modelOf(layer), inputsOf(layer))),
      runs(120),
    )
  })

  it('of all forms have the outputs of the genuine kernels, and in float the same gradients', async () => {
    await fc.assert(
      fc.asyncProperty(layers, async (layer) => {
        await compareOutputs(layer)
        await compareGradients({ ...layer, outputs: [true, true, true] })
      }),
      runs(60),
    )
  })

  it('may share their weights with other uses', async () => {
    const layer: Layer = { ...plain, kind: 'GRU', hidden: 2, inputs: 2, outputs: [true, false, false] }
    const model = modelOf(layer)
    model.graph.node[0]!.input[2] = 'w'
    const { r: _, ...inputs } = inputsOf(layer)
    model.graph.input = model.graph.input.filter(({ name }) => name !== 'r')
    await checkGradients(model, inputs)
  })

  it.each<[string, Layer, RegExp]>([
    [
      'peepholes',
      { ...plain, hasPeepholes: true },
      /operator LSTM .*peepholes \(input 7, P\).*export the layer without/,
    ],
    [
      'an unknown activation',
      { ...plain, attributes: { activations: texts('Sigmoid', 'Gelu', 'Tanh') } },
      /its activation "Gelu" is not one of affine, relu/,
    ],
    [
      'too few activations',
      { ...plain, attributes: { activations: texts('Tanh') } },
      /it has 1 activations; give 3 for each of its 1/,
    ],
    [
      'an unknown direction',
      { ...plain, attributes: { direction: 'sideways' } },
      /its direction is "sideways"/,
    ],
    ['a negative clip', { ...plain, attributes: { clip: { float: -1 } } }, /its clip is -1; give a positive/],
    [
      'an alpha for one direction of two',
      {
        ...plain,
        kind: 'RNN',
        direction: 'bidirectional',
        attributes: { activations: texts('Elu', 'Elu'), activation_alpha: reals(1) },
      },
      /its activation_alpha has 1 elements; ONNX Runtime reads one for each of 2 directions/,
    ],
  ])('with %s are refused', async (_, layer, reason) => {
    const type = layer.type
    const made = gradientModel(modelOf(layer), { y: drawn(outputsOf(layer)['y']!, 1, { type }) }, ['w'])
    await expect(made).rejects.toThrow(/ERR_NOT_SUPPORTED/)
    await expect(made).rejects.toThrow(reason)
  })
})
