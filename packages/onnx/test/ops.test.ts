import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lowerModel } from '../src/lowering/index.js'
import {
  createTensor,
  dataType,
  readModel,
  readTensor,
  setOpset,
  type Model,
  type TensorProto,
} from '../src/proto/index.js'
import { relativeError, runModel, type PlainTensor } from './run.js'

interface Case {
  readonly name: string
  readonly source: string
  readonly modelBase64: string
  readonly inputs: Readonly<Record<string, PlainTensor>>
  readonly outputs: Readonly<Record<string, PlainTensor>>
}

const cases = JSON.parse(readFileSync(new URL('fixtures/ops.json', import.meta.url), 'utf8')) as Case[]

/** Operators without a kernel in double precision in the stock runtime, neither forward nor backward. */
const singleOnly = /^(GeluGrad|BiasGeluGrad_dX|ConvGrad|AveragePoolGrad)\b/

/** Operators whose node alone does not tell the extents of the pooled value: only the model around it does. */
const needsExtents = /^AveragePoolGrad\b/

function modelOf({ modelBase64 }: Case): Model {
  return readModel(new Uint8Array(Buffer.from(modelBase64, 'base64')))
}

async function check({ inputs, outputs }: Case, model: Model): Promise<void> {
  const results = await runModel(lowerModel(model), inputs)
  for (const [name, { dims, data }] of Object.entries(outputs)) {
    expect(results[name]!.dims).toEqual(dims)
    expect(relativeError(results[name]!.data, data)).toBeLessThan(2e-6)
  }
}

describe('single operators, against the kernels of the training build', () => {
  it.each(cases)('$name', (given) => check(given, modelOf(given)))

  it('are all there', () => expect(cases).toHaveLength(118))
})

// Some operators that rows use have changed since.
describe('single operators in a model of a later opset', () => {
  it.each(cases)('$name', (given) => {
    const model = modelOf(given)
    setOpset(model, '', 22)
    return check(given, model)
  })
})

describe('single operators whose extents are not known before they run', () => {
  it.each(cases)('$name', async (given) => {
    const model = modelOf(given)
    const { graph } = model
    let symbols = 0
    for (const { name, type } of [...graph.input, ...graph.output]) {
      // Weights are parameters, whose extents are always known.
      if (name === 'w' || type?.value.case !== 'tensorType') continue
      for (const dim of type.value.value.shape?.dim ?? []) {
        dim.value = { case: 'dimParam', value: `symbol${symbols++}` }
      }
    }
    graph.valueInfo = []
    if (needsExtents.test(given.name)) expect(() => lowerModel(model)).toThrow(/ERR_NOT_SUPPORTED.*not known/)
    else await check(given, model)
  })
})

describe('single operators in double precision', () => {
  const real = (tensor: TensorProto): TensorProto => {
    if (tensor.dataType !== dataType.float) return tensor
    const { name, dims, data } = readTensor(tensor)
    return createTensor(name, dims, dataType.double, Float64Array.from(data as Float32Array))
  }
  it.each(cases)('$name', async (given) => {
    const model = modelOf(given)
    const { graph } = model
    for (const { type } of [...graph.input, ...graph.output, ...graph.valueInfo]) {
      if (type?.value.case === 'tensorType' && type.value.value.elemType === dataType.float)
        type.value.value.elemType = dataType.double
    }
    graph.initializer = graph.initializer.map(real)
    for (const { opType, attribute } of graph.node) {
      for (const one of attribute) {
        if (one.t) one.t = real(one.t)
        if (opType === 'Cast' && one.i === BigInt(dataType.float)) one.i = BigInt(dataType.double)
      }
    }
    const inputs = Object.fromEntries(
      Object.entries(given.inputs).map(([name, { type = 'float32', ...tensor }]) => [
        name,
        { ...tensor, type: type === 'float32' ? 'float64' : type },
      ]),
    )
    const checked = check({ ...given, inputs }, model)
    if (singleOnly.test(given.name)) await expect(checked).rejects.toThrow(/Could not find an implementation/)
    else await checked
  })
})
