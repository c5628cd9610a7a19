import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  addLora,
  mergeLora,
  readAdapter,
  withAdapterInputs,
  writeAdapter,
} from '../../src/artifacts/index.js'
import { mlp } from '../../src/models/index.js'
import { dataType, readTensor, type Model } from '../../src/proto/index.js'
import type { NamedTensor } from '../../src/proto/tensorData.js'
import { numbers } from '../builder.js'
import { relativeError, runModel, type PlainTensor } from '../run.js'

const { float, float16, int8 } = dataType
const tensors: readonly NamedTensor[] = [
  { name: 'layer.lora_A', dims: [2, 3], dataType: float, data: Float32Array.of(1, 2, 3, 4, 5, 6) },
  { name: 'ü', dims: [1], dataType: int8, data: Int8Array.of(-5) },
  { name: 'half', dims: [3], dataType: float16, data: Uint16Array.of(0x3c00, 0xc000, 0) },
  { name: 'none', dims: [0, 4], dataType: float, data: new Float32Array() },
]

describe('adapter files', () => {
  it('are read as they were written', () => {
    const bytes = writeAdapter({ parameters: tensors, adapterVersion: 7, modelVersion: -2 })
    expect(readAdapter(bytes)).toEqual({ parameters: tensors, adapterVersion: 7, modelVersion: -2 })
    expect(readAdapter(writeAdapter({ parameters: [] }))).toEqual({
      parameters: [],
      adapterVersion: 0,
      modelVersion: 0,
    })
  })

  it('are read from what the compiler of the schema writes', () => {
    // flatc --binary adapter_schema.fbs, of the schema in ONNX Runtime and these values.
    const bytes = new Uint8Array(readFileSync(new URL('../fixtures/adapter.onnx_adapter', import.meta.url)))
    const { parameters, adapterVersion, modelVersion } = readAdapter(bytes)
    expect([adapterVersion, modelVersion]).toEqual([3, 5])
    expect(parameters).toEqual([
      { name: 'w.lora_A', dims: [1, 2], dataType: float, data: Float32Array.of(1, -2) },
      { name: 'w.lora_B', dims: [2, 1], dataType: float, data: Float32Array.of(0.5, 0) },
    ])
  })

  it('have their elements at multiples of eight bytes', () => {
    const bytes = writeAdapter({ parameters: tensors })
    for (const { data } of tensors.filter(({ data: { length } }) => length > 0)) {
      const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      const length = Buffer.alloc(4)
      length.writeUInt32LE(raw.length)
      expect((Buffer.from(bytes).indexOf(Buffer.concat([length, raw])) + 4) % 8).toBe(0)
    }
  })

  it('are refused if they are not whole', () => {
    const bytes = writeAdapter({ parameters: tensors })
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readAdapter(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'ERR_CHECKPOINT' }),
      )
    }
    for (let at = 0; at < bytes.length; at++) {
      const altered = bytes.slice()
      altered[at]! ^= 0xff
      try {
        readAdapter(altered)
      } catch (error) {
        expect((error as { code?: string }).code, `byte ${at}`).toMatch(/^ERR_(CHECKPOINT|OPTION)$/)
      }
    }
    expect(() => readAdapter('x' as never)).toThrow(/ERR_CHECKPOINT.*TORT/)
  })

  it('are not written of what no runtime could read', () => {
    const [first] = tensors
    const write =
      (parameters: readonly NamedTensor[], versions = {}) =>
      () =>
        writeAdapter({ parameters, ...versions })
    expect(write([first!, first!])).toThrow(/ERR_OPTION.*two parameters/)
    expect(write([{ ...first!, name: '' }])).toThrow(/ERR_OPTION.*no name/)
    expect(write([{ ...first!, dims: [7] }])).toThrow(/ERR_SHAPE/)
    expect(write(tensors, { adapterVersion: 1.5 })).toThrow(/ERR_OPTION.*adapterVersion is 1.5/)
  })
})

describe('models with adapters as inputs', () => {
  const base = mlp({ sizes: [3, 5, 2], seed: 2 })
  const { model, trainable } = addLora(base, { rank: 2, targets: '*', seed: 1 })
  const served = withAdapterInputs(model)
  const input = { dims: [4, 3], data: [...numbers(12, 3, 1)] }

  it('give what the base gives with the first factors, and what the merged model gives with others', async () => {
    const parameters = trainable.map((name, i): NamedTensor => {
      const { dims } = readTensor(model.graph.initializer.find((tensor) => tensor.name === name)!)
      return { name, dims, dataType: float, data: numbers(dims[0]! * dims[1]!, i, 0.5) }
    })
    const file = writeAdapter({ parameters })
    const adapter = readAdapter(file).parameters
    const feeds = Object.fromEntries(
      adapter.map(({ name, dims, data }) => [name, { dims, data: Array.from(data as Float32Array) }]),
    )
    const outputOf = async (given: Model, more: Readonly<Record<string, PlainTensor>> = {}) =>
      Object.values(await runModel(given, { input, ...more }))[0]!.data
    const first = trainable.map((name) => {
      const { dims, data } = readTensor(model.graph.initializer.find((tensor) => tensor.name === name)!)
      return [name, { dims, data: Array.from(data as Float32Array) }] as const
    })
    expect(await outputOf(served, Object.fromEntries(first))).toEqual(await outputOf(base))
    // Defaults are for runtimes that take optional inputs.
    expect(await outputOf(withAdapterInputs(model, 'optional'))).toEqual(await outputOf(base))
    const merged = await outputOf(mergeLora(model, adapter))
    expect(relativeError(await outputOf(served, feeds), merged)).toBeLessThan(1e-6)
    expect(relativeError(merged, await outputOf(base))).toBeGreaterThan(1e-2)
  })

  it('must have adapters', () => {
    expect(() => withAdapterInputs(base)).toThrow(/ERR_OPTION.*no adapters/)
    expect(() => withAdapterInputs(model, 'none' as never)).toThrow(/ERR_OPTION.*'required' or 'optional'/)
    const optional = withAdapterInputs(model, 'optional')
    expect(optional.graph.initializer).toHaveLength(model.graph.initializer.length)
    expect(optional.graph.input.map(({ name }) => name)).toEqual(['input', ...trainable])
    expect(withAdapterInputs(optional)).toEqual(served)
  })
})
