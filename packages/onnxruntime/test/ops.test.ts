import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lowerModel } from '../src/lowering/index.js'
import { readModel } from '../src/onnx/index.js'
import { relativeError, runModel, type PlainTensor } from './run.js'

interface Case {
  readonly name: string
  readonly source: string
  readonly modelBase64: string
  readonly inputs: Readonly<Record<string, PlainTensor>>
  readonly outputs: Readonly<Record<string, PlainTensor>>
}

const cases = JSON.parse(readFileSync(new URL('fixtures/ops.json', import.meta.url), 'utf8')) as Case[]

describe('single operators, against the kernels of the training build', () => {
  it.each(cases)('$name', async ({ modelBase64, inputs, outputs }) => {
    const model = lowerModel(readModel(new Uint8Array(Buffer.from(modelBase64, 'base64'))))
    const results = await runModel(model, inputs)
    for (const [name, { dims, data }] of Object.entries(outputs)) {
      expect(results[name]!.dims).toEqual(dims)
      expect(relativeError(results[name]!.data, data)).toBeLessThan(2e-6)
    }
  })

  it('are all there', () => expect(cases).toHaveLength(118))
})
