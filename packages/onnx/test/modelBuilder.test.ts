import { describe, expect, it } from 'vitest'
import {
  createModelBuilder,
  createSequence,
  createValue,
  dataType,
  readModel,
  writeModel,
} from '../src/proto/index.js'
import { runModel } from './run.js'

const { double, float } = dataType

describe('createModelBuilder', () => {
  it('builds a model that runs', async () => {
    const builder = createModelBuilder()
    const x = builder.input('x', float, ['rows', 2])
    const layer = builder.within('layers').within(0)
    const weight = layer.initializer('weight', [2, 1], float, Float32Array.of(3, 4))
    const [first, second] = layer.emitAll('Split', [x, builder.ints([1, 1])], { axis: 1 }, 2)
    const sum = layer.emit('Add', [layer.emit('MatMul', [x, weight]), layer.emit('Sub', [first, second])])
    builder.output(builder.emit('Mul', [sum, builder.real(2, float)], {}, 'y'), float, ['rows', 1])
    const model = readModel(writeModel(builder.build('line', { made: 'here' })))
    expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([['made', 'here']])
    expect(model.graph.initializer.map(({ name }) => name)).toEqual(['layers.0.weight'])
    expect(
      model.graph.node.map(({ name }) => name).filter((name) => name.startsWith('/layers.0/')),
    ).toHaveLength(4)
    const { y } = await runModel(model, { x: { dims: [2, 2], data: [1, 2, 3, 5] } })
    expect(y).toEqual({ dims: [2, 1], data: [2 * (11 - 1), 2 * (29 - 2)] })
  })

  it('makes a constant once, and keeps apart those that print alike', () => {
    const { real, int, ints, build } = createModelBuilder()
    const names = [real(0, float), real(-0, float), real(0, double), int(0), ints([0]), ints([])]
    expect(new Set(names).size).toBe(6)
    expect([real(0, float), real(-0, float), real(0, double), int(0n), ints([0n]), ints([])]).toEqual(names)
    expect(build('constants').graph.node).toHaveLength(6)
  })

  it('refuses a second initializer of a name', () => {
    const { initializer } = createModelBuilder().within('a')
    initializer('b', [1], float, Float32Array.of(1))
    expect(() => initializer('b', [1], float, Float32Array.of(1))).toThrow(/"a\.b" already/)
  })

  it('imports the operator sets it uses, in the format of its opset', () => {
    const formats = [13, 17, 20, 21, 22].map((opset) => {
      const builder = createModelBuilder(opset)
      const x = builder.input('x', float, [1])
      builder.output(builder.emit('com.microsoft:FastGelu', [x], {}, 'y'), float, [1])
      const { irVersion, opsetImport } = builder.build('one')
      expect(opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
        ['', BigInt(opset)],
        ['com.microsoft', 1n],
      ])
      return irVersion
    })
    expect(formats).toEqual([7n, 8n, 9n, 10n, 10n])
  })
})

describe('createValue', () => {
  it('declares extents, their names, or not even their number', () => {
    const shapeOf = (dims?: readonly (number | string)[]) => {
      const { type } = createValue('x', float, dims)
      return type?.value.case === 'tensorType'
        ? type.value.value.shape?.dim.map(({ value }) => value.value)
        : undefined
    }
    expect(shapeOf(['batch', 3])).toEqual(['batch', 3n])
    expect(shapeOf([])).toEqual([])
    expect(shapeOf()).toBeUndefined()
    expect(createSequence('x', float).type?.value.case).toBe('sequenceType')
  })
})
