import { describe, expect, it } from 'vitest'
import { addLora, type LoraOptions } from '../../src/artifacts/lora/add.js'
import { mergeLora } from '../../src/artifacts/lora/merge.js'
import { gpt, mlp } from '../../src/models/index.js'
import {
  createModelBuilder,
  createTensor,
  dataType,
  readModel,
  readTensor,
  writeModel,
  type Model,
  type ModelBuilder,
} from '../../src/proto/index.js'
import { numbers } from '../builder.js'
import { relativeError, runModel, type PlainTensor } from '../run.js'

const { float, double } = dataType

/** A model of one product, on rows `x` of 3, or on columns if it is transposed. */
function product(
  emit: (builder: ModelBuilder, x: string, weight: string) => string,
  weightDims: readonly [number, number] = [3, 4],
  xDims: readonly (string | number)[] = ['rows', 3],
  type: number = float,
): Model {
  const builder = createModelBuilder()
  const x = builder.input('x', type, xDims)
  const values = numbers(weightDims[0] * weightDims[1], 5, 0.7)
  const data = type === double ? Float64Array.from(values) : values
  const weight = builder.initializer('layer.weight', weightDims, type, data)
  builder.output(builder.emit('Identity', [emit(builder, x, weight)], {}, 'y'), type, undefined!)
  return builder.build('product')
}

const x = (dims: readonly number[], type = 'float32'): PlainTensor => ({
  type,
  dims,
  data: [
    ...numbers(
      dims.reduce((product, extent) => product * extent, 1),
      9,
      1,
    ),
  ],
})
const ids: PlainTensor = { type: 'int64', dims: [2, 3], data: [1, 0, 2, 2, 1, 0] }

interface Case {
  readonly model: Model
  readonly inputs: Readonly<Record<string, PlainTensor>>
  readonly targets?: LoraOptions['targets']
}

const small = { vocabulary: 9, context: 6, layers: 2, heads: 2, width: 8, seed: 3 }
const tokens: PlainTensor = { type: 'int64', dims: [2, 5], data: [1, 2, 3, 4, 8, 0, 7, 6, 5, 4] }
const cases: Record<string, Case> = {
  MatMul: { model: product((b, x, w) => b.emit('MatMul', [x, w])), inputs: { x: x([2, 3]) } },
  'MatMul of a batch': {
    model: product((b, x, w) => b.emit('MatMul', [x, w]), [3, 4], ['a', 'b', 'c', 3]),
    inputs: { x: x([2, 3, 4, 3]) },
  },
  'MatMul of a vector': {
    model: product((b, x, w) => b.emit('MatMul', [x, w]), [3, 4], [3]),
    inputs: { x: x([3]) },
  },
  'MatMul in double precision': {
    model: product((b, x, w) => b.emit('MatMul', [x, w]), [3, 4], ['rows', 3], double),
    inputs: { x: x([2, 3], 'float64') },
  },
  'MatMul of the transposed': {
    model: product((b, x, w) => b.emit('MatMul', [x, b.emit('Transpose', [w], { perm: [1, 0] })]), [4, 3]),
    inputs: { x: x([2, 3]) },
  },
  'MatMul of what is transposed twice': {
    model: product((b, x, w) => b.emit('MatMul', [x, b.emit('Transpose', [b.emit('Transpose', [w])])])),
    inputs: { x: x([2, 3]) },
  },
  Gemm: { model: product((b, x, w) => b.emit('Gemm', [x, w])), inputs: { x: x([2, 3]) } },
  'Gemm with all it can have': {
    model: product(
      (b, x, w) => {
        const c = b.initializer('c', [4], float, Float32Array.of(1, 2, 3, 4))
        return b.emit('Gemm', [x, w, c], { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } })
      },
      [4, 3],
      [3, 'rows'],
    ),
    inputs: { x: x([3, 2]) },
  },
  'Gemm of the transposed, transposed': {
    model: product((b, x, w) => b.emit('Gemm', [x, b.emit('Transpose', [w])], { transB: 1 })),
    inputs: { x: x([2, 3]) },
  },
  'a weight used twice': {
    model: product((b, x, w) => b.emit('MatMul', [b.emit('MatMul', [x, w]), w]), [3, 3]),
    inputs: { x: x([2, 3]) },
  },
  'a weight used both ways round': {
    model: product((b, x, w) => b.emit('Gemm', [b.emit('MatMul', [x, w]), w], { transB: 1 })),
    inputs: { x: x([2, 3]) },
  },
  'an embedding that is the head': {
    model: product(
      (b, _x, w) => {
        const tokens = b.input('ids', dataType.int64, ['batch', 'length'])
        return b.emit('MatMul', [b.emit('Gather', [w, tokens]), b.emit('Transpose', [w])])
      },
      [3, 4],
    ),
    inputs: { x: x([1, 3]), ids },
  },
  'an embedding of the transposed': {
    model: product(
      (b, x, w) => {
        const tokens = b.input('ids', dataType.int64, ['batch', 'length'])
        const rows = b.emit('Gather', [b.emit('Transpose', [w]), tokens])
        return b.emit('MatMul', [rows, b.emit('Transpose', [b.emit('MatMul', [x, w])])])
      },
      [4, 4],
      ['rows', 4],
    ),
    inputs: { x: x([2, 4]), ids },
  },
  'a network of dense layers': {
    model: mlp({ sizes: [3, 5, 4, 2], seed: 2 }),
    inputs: { input: x([4, 3]) },
    targets: 'layers.*',
  },
  'a GPT with its tied embedding': {
    model: gpt(small),
    inputs: { input_ids: tokens },
    targets: ['*.attn.*', '*.mlp.*', 'transformer.wte.weight'],
  },
}

/** Gives the second factors values, as training would. */
function trained(model: Model): Model {
  const copy = readModel(writeModel(model))
  copy.graph.initializer = copy.graph.initializer.map((tensor, i) => {
    if (!tensor.name.endsWith('.lora_B')) return tensor
    const { dims, data } = readTensor(tensor)
    const values = numbers(data.length, i, 0.5)
    return createTensor(
      tensor.name,
      dims,
      tensor.dataType,
      tensor.dataType === double ? Float64Array.from(values) : values,
    )
  })
  return copy
}

const valuesOf = (model: Model, name: string) =>
  readTensor(model.graph.initializer.find((tensor) => tensor.name === name)!)

describe.each(Object.entries(cases))(
  'adapters beside %s',
  (_name, { model, inputs, targets = 'layer.weight' }) => {
    const adapted = addLora(model, { rank: 2, alpha: 3, targets, seed: 1 })
    const outputOf = async (given: Model) => Object.values(await runModel(given, inputs, 'disabled'))[0]!

    it('change nothing at first', async () => {
      const [before, after] = [await outputOf(model), await outputOf(adapted.model)]
      expect(after).toEqual(before)
    })

    it('leave the model that was given as it is, and its weights', () => {
      const bytes = writeModel(model)
      addLora(model, { rank: 2, targets })
      expect(writeModel(model)).toEqual(bytes)
      for (const { name } of model.graph.initializer)
        expect(valuesOf(adapted.model, name)).toEqual(valuesOf(model, name))
    })

    it('merge into the model it was, while they are zero', () => {
      expect(writeModel(mergeLora(adapted.model))).toEqual(writeModel(model))
    })

    it('do what they do when merged', async () => {
      const changed = trained(adapted.model)
      const bytes = writeModel(changed)
      const merged = mergeLora(changed)
      expect(writeModel(changed)).toEqual(bytes)
      expect(merged.graph.node).toEqual(readModel(writeModel(model)).graph.node)
      const [together, apart, before] = [
        await outputOf(merged),
        await outputOf(changed),
        await outputOf(model),
      ]
      expect(together.dims).toEqual(before.dims)
      expect(relativeError(apart.data, together.data)).toBeLessThan(1e-6)
      expect(relativeError(before.data, together.data)).toBeGreaterThan(1e-2)
    })
  },
)

describe('addLora', () => {
  const model = mlp({ sizes: [3, 5, 2], seed: 2 })

  it('names what to train, and draws it from its seed', () => {
    const adapted = addLora(model, { rank: 2, targets: '*', seed: 4 })
    expect(adapted.trainable).toEqual([
      'layers.0.weight.lora_A',
      'layers.0.weight.lora_B',
      'layers.1.weight.lora_A',
      'layers.1.weight.lora_B',
    ])
    const [a, b] = adapted.trainable.map((name) => valuesOf(adapted.model, name))
    expect([a!.dims, b!.dims]).toEqual([
      [2, 3],
      [5, 2],
    ])
    expect(
      [...(a!.data as Float32Array)].every((value) => value !== 0 && Math.abs(value) < 1 / Math.sqrt(3)),
    ).toBe(true)
    expect([...(b!.data as Float32Array)].every((value) => value === 0)).toBe(true)
    const again = addLora(writeModel(model), { rank: 2, targets: '*', seed: 4 })
    expect(writeModel(again.model)).toEqual(writeModel(adapted.model))
    const other = addLora(model, { rank: 2, targets: '*', seed: 5 })
    expect(valuesOf(other.model, adapted.trainable[0]!).data).not.toEqual(a!.data)
  })

  it('adds (alpha/rank)·B·A to the weight, alpha being the rank where it is not given', () => {
    for (const alpha of [undefined, 6]) {
      const { model: adapted } = addLora(model, {
        rank: 2,
        targets: 'layers.0.weight',
        ...(alpha && { alpha }),
      })
      const changed = trained(adapted)
      const [w, a, b, merged] = [
        valuesOf(model, 'layers.0.weight'),
        valuesOf(changed, 'layers.0.weight.lora_A'),
        valuesOf(changed, 'layers.0.weight.lora_B'),
        valuesOf(mergeLora(changed), 'layers.0.weight'),
      ].map(({ data }) => data as Float32Array)
      const expected = w!.map((value, i) => {
        const [output, input] = [Math.floor(i / 3), i % 3]
        const product = b![output * 2]! * a![input]! + b![output * 2 + 1]! * a![3 + input]!
        return value + ((alpha ?? 2) / 2) * product
      })
      expect(relativeError(merged!, expected)).toBeLessThan(1e-7)
    }
  })

  it('takes names, globs and predicates', () => {
    const of = (targets: LoraOptions['targets']) => addLora(model, { rank: 1, targets }).trainable.length / 2
    expect(of('layers.1.weight')).toBe(1)
    expect(of(['layers.0.*', /^layers\.1/])).toBe(2)
    expect(of((_name, { dims }) => dims[0] === 5)).toBe(1)
  })

  it('can be used on a model again, for other weights', () => {
    const first = addLora(model, { rank: 1, targets: 'layers.0.weight' })
    const second = addLora(first.model, { rank: 2, alpha: 1, targets: 'layers.1.weight' })
    expect(() => addLora(first.model, { rank: 1, targets: 'layers.0.weight' })).toThrow(/adapter already/)
    expect(() => addLora(first.model, { rank: 1, targets: '*.lora_A' })).toThrow(/fits none/)
    expect(writeModel(mergeLora(second.model))).toEqual(writeModel(model))
  })

  it('refuses options out of their range', () => {
    const wrong: readonly LoraOptions[] = [
      { rank: 0, targets: '*' },
      { rank: 1.5, targets: '*' },
      { rank: 1, alpha: NaN, targets: '*' },
      { rank: 1, targets: 'layers.0.bias' },
      { rank: 1, targets: 'layers.9.weight' },
      { rank: 1, targets: () => false },
      { rank: 1, targets: [] },
    ]
    for (const options of wrong)
      expect(() => addLora(model, options)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })

  it.each([
    [
      'is used elementwise',
      product((b, x, w) => b.emit('Add', [b.emit('MatMul', [x, w]), w]), [3, 3]),
      /Add "Add_2"/,
    ],
    [
      'is on the left',
      product((b, x, w) => b.emit('MatMul', [w, b.emit('MatMul', [x, w])]), [3, 3]),
      /input 0/,
    ],
    [
      'is an output',
      product(
        (b, x, w) => {
          b.output(w, float, [3, 3])
          return b.emit('MatMul', [x, w])
        },
        [3, 3],
      ),
      /it is an output/,
    ],
    [
      'gives columns, not rows',
      product(
        (b, x, w) => b.emit('Add', [b.emit('MatMul', [x, w]), b.emit('Gather', [w, b.int(0)], { axis: 1 })]),
        [3, 3],
      ),
      /Gather .* input 0/,
    ],
  ])('refuses a weight that %s', (_how, given, message) => {
    const add = () => addLora(given, { rank: 1, targets: 'layer.weight' })
    expect(add).toThrow(expect.objectContaining({ code: 'ERR_NOT_SUPPORTED' }))
    expect(add).toThrow(message)
  })

  it('refuses weights of whole numbers that no scale gives a meaning', () => {
    const whole = mlp({ sizes: [3, 2] })
    whole.graph.initializer[0] = createTensor('layers.0.weight', [2, 3], dataType.int32, new Int32Array(6))
    expect(() => addLora(whole, { rank: 1, targets: '*' })).toThrow(
      /ERR_NOT_SUPPORTED.*elements of ONNX type 6/,
    )
  })
})

describe('mergeLora', () => {
  const model = mlp({ sizes: [3, 5, 2], seed: 2 })
  const { model: adapted, trainable } = addLora(model, { rank: 2, targets: '*' })
  const changed = trained(adapted)
  const merged = writeModel(mergeLora(changed))

  it('takes values from a checkpoint or a session', () => {
    const values = trainable.map((name) => valuesOf(changed, name))
    expect(writeModel(mergeLora(adapted, values))).toEqual(merged)
    expect(
      writeModel(mergeLora(writeModel(adapted), new Map(values.map((tensor) => [tensor.name, tensor])))),
    ).toEqual(merged)
  })

  it('refuses a model without adapters, and values that do not fit', () => {
    const data = new Float32Array(6)
    expect(() => mergeLora(model)).toThrow(/no adapters/)
    expect(() => mergeLora(adapted, [{ name: 'other', data }])).toThrow(/no initializer "other"/)
    for (const wrong of [data.slice(1), new Float64Array(6)]) {
      expect(() => mergeLora(adapted, [{ name: trainable[0]!, data: wrong }])).toThrow(
        expect.objectContaining({ code: 'ERR_SHAPE' }),
      )
    }
  })

  it('refuses metadata and factors that addLora did not write', () => {
    for (const text of ['{', '{"layers.0.weight":{}}', '{"layers.0.weight":null}']) {
      const broken = readModel(writeModel(adapted))
      broken.metadataProps[0]!.value = text
      expect(() => mergeLora(broken)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
    const lacking = readModel(writeModel(adapted))
    lacking.graph.initializer = lacking.graph.initializer.filter(({ name }) => name !== trainable[0])
    expect(() => mergeLora(lacking)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    const other = readModel(writeModel(adapted))
    other.graph.initializer.find(({ name }) => name === trainable[0])!.dims.reverse()
    expect(() => mergeLora(other)).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }))
  })
})
