import { describe, expect, it } from 'vitest'
import { createNode as node, dataType, realTensor } from '@induced-metric/onnx/proto'
import * as ort from 'onnxruntime-node'
import { drawn } from '../../../onnx/test/gradients/harness.js'
import { relativeError } from '../../../onnx/test/run.js'
import { feedsOf, forward, startTraining } from './training.js'

// The runtime infers 12 pixels of 10 that are resized by 1.3, and computes 13.

const float = dataType.float
const nearest = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
const linear = { mode: 'linear', coordinate_transformation_mode: 'align_corners' }

/** The matrix of a resized axis. */
function weights(mode: string, from: number, to: number, scale: number): number[][] {
  return Array.from({ length: to }, (_, i) => {
    const at = mode === 'nearest' ? Math.floor(i / Math.fround(scale)) : (i * (from - 1)) / (to - 1)
    return Array.from({ length: from }, (_, j) => Math.max(0, 1 - Math.abs(at - j)))
  })
}

interface Case {
  readonly attributes: typeof nearest | typeof linear
  readonly batch: number | string
  readonly scales: readonly [number, number]
  readonly to: readonly [number, number]
}

const cases: Readonly<Record<string, Case>> = {
  'a fixed batch': { attributes: nearest, batch: 2, scales: [1.3, 1], to: [13, 4] },
  'a batch of any size': { attributes: nearest, batch: 'batch', scales: [1.3, 1.5], to: [13, 6] },
  'linear interpolation': { attributes: linear, batch: 'batch', scales: [2.1, 1], to: [21, 4] },
  'another axis by a scale that is no ratio': {
    attributes: nearest,
    batch: 'batch',
    scales: [1.3, 0.7],
    to: [13, 2],
  },
}

describe('scales whose extents the runtime infers wrongly are trained through', () => {
  it.each(Object.entries(cases))('%s', async (_, { attributes, batch, scales, to }) => {
    const model = forward(
      [node('Mul', ['x', 'w'], ['a']), node('Resize', ['a', '', 'scales'], ['y'], attributes)],
      { x: [batch, 1, 10, 4] },
      { w: drawn([10, 4], 1, { type: float }) },
      { y: [batch, 1, ...to] },
      { type: float },
    )
    model.graph.initializer.push(realTensor('scales', [1, 1, ...scales], float, [4]))
    const session = await startTraining(model, { loss: 'mse', requiresGrad: 'w' })
    const [x, target] = [drawn([2, 1, 10, 4], 2, { type: float }), drawn([2, 1, ...to], 3, { type: float })]
    const { loss } = await session.runTrainStep(feedsOf({ x, target }))

    const { mode } = attributes
    const [rows, columns] = [weights(mode, 10, to[0], scales[0]), weights(mode, 4, to[1], scales[1])]
    const w = session.parameters.get('w')!.data
    const gradient = new Float64Array(40)
    const size = 2 * to[0] * to[1]
    let total = 0
    for (let n = 0; n < 2; n++) {
      for (let i = 0; i < to[0]; i++) {
        for (let j = 0; j < to[1]; j++) {
          const factor = (p: number) => rows[i]![p >> 2]! * columns[j]![p & 3]! * Number(x.data[n * 40 + p])
          let y = 0
          for (let p = 0; p < 40; p++) y += factor(p) * Number(w[p])
          const error = y - Number(target.data[(n * to[0] + i) * to[1] + j])
          total += error ** 2 / size
          for (let p = 0; p < 40; p++) gradient[p]! += (2 * error * factor(p)) / size
        }
      }
    }
    expect(Number((loss!.data as Float32Array)[0])).toBeCloseTo(total, 4)
    const found = session.gradients.get('w')!.data as Float32Array
    expect(relativeError(found, gradient)).toBeLessThan(1e-5)

    const exported = await ort.InferenceSession.create(await session.exportModelForInference(['y']))
    expect((await exported.run(feedsOf({ x })))['y']!.dims).toEqual([2, 1, ...to])
    await exported.release()
    await session.release()
  })
})
