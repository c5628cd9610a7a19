import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { gpt } from '../src/models/index.js'
import { createModelBuilder, dataType, type Model } from '../src/proto/index.js'
import { inferTypes } from '../src/inference/runtimeTypes.js'
import { generateArtifacts } from '../src/artifacts/index.js'

const { float } = dataType

/** The extents of the last node's output, in a model that takes x [batch, time, 6]. */
async function shapeOf(build: (builder: ReturnType<typeof createModelBuilder>, x: string) => string) {
  const builder = createModelBuilder(17)
  const y = build(builder, builder.input('x', float, ['batch', 'time', 6]))
  builder.output(y, float, [])
  const model: Model = builder.build('shapes')
  for (const output of model.graph.output) delete output.type
  return (await inferTypes(model, ort)).get(y).shape
}

describe('symbolic extents', () => {
  it('go through shapes that the model computes', async () => {
    const found = await shapeOf(({ emit, int, ints }, x) => {
      const shape = emit('Shape', [x])
      const batch = emit('Unsqueeze', [emit('Gather', [shape, int(0)]), ints([0])])
      const time = emit('Slice', [shape, ints([1]), ints([2]), ints([0])])
      return emit('Reshape', [x, emit('Concat', [batch, time, ints([2, 3])], { axis: 0 })])
    })
    expect(found).toEqual(['batch', 'time', 2, 3])
  })

  it('are kept where a target says 0, and unknown where it says −1 or anything else', async () => {
    expect(await shapeOf(({ emit, ints }, x) => emit('Reshape', [x, ints([0, 0, 2, 3])]))).toEqual([
      'batch',
      'time',
      2,
      3,
    ])
    const joined = await shapeOf(({ emit, ints }, x) => emit('Reshape', [x, ints([-1, 6])]))
    expect(joined?.[0]).not.toBe('batch')
    const doubled = await shapeOf(({ emit, int, ints }, x) => {
      const batch = emit('Gather', [emit('Shape', [x]), ints([0])])
      const twice = emit('Mul', [batch, int(2)])
      return emit('Reshape', [x, emit('Concat', [twice, ints([-1, 3])], { axis: 0 })])
    })
    expect(doubled?.[0]).not.toBe('batch')
  })

  it('go through look-ups of positions, splits and sums', async () => {
    const found = await shapeOf(({ emit, emitAll, int, ints, initializer }, x) => {
      const table = initializer('table', [9, 6], float, new Float32Array(54))
      const time = emit('Gather', [emit('Shape', [x]), int(1)])
      const places = emit('Unsqueeze', [emit('Range', [int(0), time, int(1)]), ints([0])])
      const sum = emit('Add', [x, emit('Gather', [table, places])])
      return emitAll('Split', [sum, ints([2, 4])], { axis: 2 }, 2)[1]!
    })
    expect(found).toEqual(['batch', 'time', 4])
  })

  it('keep the gradients of a transformer from looking for what was broadcast', async () => {
    const model = gpt({ layers: 2, width: 8, heads: 2, vocabulary: 7, context: 5 })
    const { summary } = await generateArtifacts(model, { loss: 'cross-entropy', ort })
    expect(summary.operators['com.microsoft::BroadcastGradientArgs'] ?? 0).toBeLessThan(10)
  })
})
