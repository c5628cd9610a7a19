import { adam, lion, perExample, sgd } from '@induced-metric/core'
import { createModelPerExample, RowCollector, type AdoptableModel } from '@induced-metric/core/adapter'
import { describe, expect, it } from 'vitest'
import { expectError } from './support.js'

const rows = Float64Array.of(1, 0, 0, 1, 1, 1)
const targets = { residuals: [0.5, -1, 2] }

describe('createModelPerExample', () => {
  it('takes the steps of perExample on the arrays of the model, and starts over with other arrays', () => {
    const [data, twin] = [Float64Array.of(1, 2), Float64Array.of(1, 2)]
    const model = { data }
    const optimizer = createModelPerExample(adam(), () => [{ name: 'w', shape: [2], data: model.data }])
    const plain = perExample(adam(), [{ name: 'w', shape: [2], data: twin }])
    for (let i = 0; i < 3; i++) expect(optimizer.step(rows, targets)).toEqual(plain.step(rows, targets))
    expect(data).toEqual(twin)
    expect(optimizer.save()).toEqual(plain.save())

    model.data = Float64Array.of(3, 4)
    expect(optimizer.follow()[0]!.data).toBe(model.data)
    expect(optimizer.report.step).toBe(0)
    optimizer.load(plain.save())
    optimizer.step(rows, targets)
    expect(optimizer.report.step).toBe(4)
    optimizer.reset()
    expect(optimizer.report.step).toBe(0)
    expect(model.data).not.toEqual(Float64Array.of(3, 4))
    optimizer.dispose()
    expectError(() => optimizer.step(rows, targets), 'ERR_DISPOSED')
    expectError(() => optimizer.reset(), 'ERR_DISPOSED')
  })

  it('adopts a model once it has parameters, and gives it arrays of its own again', () => {
    const layer: { rows: (Float32Array | number[])[] | undefined } = { rows: undefined }
    const model: AdoptableModel = {
      owner: () => layer.rows,
      parameters: () =>
        layer.rows && [
          {
            name: 'w',
            shape: [2, 1],
            rows: 2,
            get: (row) => layer.rows![row],
            set: (row, array) => (layer.rows![row] = array),
          },
        ],
    }
    const optimizer = createModelPerExample(sgd(), model, { learningRate: 0.1 })
    expect(optimizer.report.step).toBe(0)
    expectError(() => optimizer.save(), 'ERR_CHECKPOINT', 'no weights yet')
    optimizer.reset()
    layer.rows = [[1], [2]]
    const data = Float32Array.of(1, 2)
    const plain = perExample(sgd(), [{ name: 'w', shape: [2, 1], data }], { learningRate: 0.1 })
    for (const each of [optimizer, plain]) each.step(rows, targets)
    expect(layer.rows.flatMap((row) => [...row])).toEqual([...data])
    layer.rows[1] = [7]
    optimizer.follow()
    expect(optimizer.report.step).toBe(1)
    optimizer.dispose()
    expect(layer.rows).toEqual([data.slice(0, 1), Float32Array.of(7)])
    expect((layer.rows[0] as Float32Array).buffer.byteLength).toBe(4)
  })

  it('checks the base and the options before there are parameters', () => {
    const model: AdoptableModel = { owner: () => undefined, parameters: () => undefined }
    expectError(() => createModelPerExample(lion(), model), 'ERR_NOT_SUPPORTED')
    expectError(() => createModelPerExample(sgd(), model, { learningRate: -1 }), 'ERR_OPTION')
  })
})

describe('RowCollector', () => {
  it('makes a block of rows for each parameter, from copies, and starts again when they are taken', () => {
    const collector = new RowCollector()
    const gradients = [Float32Array.of(1, 2), Float64Array.of(3)] as const
    collector.add(0.5, gradients)
    gradients[0].set([4, 5])
    gradients[1].set([6])
    collector.add(-1, gradients)
    expect(collector.take()).toEqual({
      rows: [Float64Array.of(1, 2, 4, 5), Float64Array.of(3, 6)],
      targets: [0.5, -1],
    })
    expect(collector.take()).toEqual({ rows: [], targets: [] })
  })
})
