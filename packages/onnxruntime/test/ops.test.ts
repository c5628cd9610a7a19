import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lowerModel } from '../src/lowering/index.js'
import { readModel, setOpset } from '../src/onnx/index.js'
import { relativeError, runModel, type PlainTensor } from './run.js'

interface Case {
  readonly name: string
  readonly source: string
  readonly modelBase64: string
  readonly inputs: Readonly<Record<string, PlainTensor>>
  readonly outputs: Readonly<Record<string, PlainTensor>>
}

const cases = JSON.parse(readFileSync(new URL('fixtures/ops.json', import.meta.url), 'utf8')) as Case[]

async function check({ modelBase64, inputs, outputs }: Case, opset?: number): Promise<void> {
  const model = readModel(new Uint8Array(Buffer.from(modelBase64, 'base64')))
  if (opset !== undefined) setOpset(model, '', opset)
  const results = await runModel(lowerModel(model), inputs)
  for (const [name, { dims, data }] of Object.entries(outputs)) {
    expect(results[name]!.dims).toEqual(dims)
    expect(relativeError(results[name]!.data, data)).toBeLessThan(2e-6)
  }
}

describe('single operators, against the kernels of the training build', () => {
  it.each(cases)('$name', (given) => check(given))

  it('are all there', () => expect(cases).toHaveLength(118))
})

// Some operators that rows are written with have changed since.
describe('single operators in a model of a later opset', () => {
  it.each(cases)('$name', (given) => check(given, 22))
})
