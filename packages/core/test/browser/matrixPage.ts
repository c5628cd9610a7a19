import {
  algebra,
  createGpuOptimizer,
  definePreconditioner,
  inducedMetric,
  type GpuDevice,
} from '@induced-metric/core'
import { requestDevice, usage } from './pageDevice.js'

// The functions of the page that the browser test of matrix kernels calls.

let started: Promise<GpuDevice> | undefined

/** Computes with a square matrix in its slot, which a checkpoint brings in. */
const probe = definePreconditioner({
  name: 'probe',
  matrix: true,
  update({ gradient, slot, step }) {
    const given = slot('given', { shape: 'rows,rows' })
    const { values, vectors } = algebra.symmetricEigen(given)
    const seldom = slot('seldom', { shape: 'rows,rows', initial: 1 })
    const found = {
      values,
      vectors,
      factor: algebra.qr(given),
      root: algebra.inverseRoot(given, 4, 1e-3),
    }
    for (const name of Object.keys(found)) slot(name, { shape: name === 'values' ? 'rows' : 'rows,rows' })
    const turned = algebra.matmul(algebra.qr(algebra.neg(given)), given)
    return {
      direction: gradient,
      slots: { given, ...found, seldom: algebra.when(algebra.greater(step, 1), turned, seldom) },
    }
  },
})

/** The slots after steps from this matrix, by name; of several parameters at once. */
async function compute(
  n: number,
  matrices: readonly (readonly number[])[],
  steps = 1,
): Promise<Record<string, number[]>[]> {
  const device = await (started ??= requestDevice())
  const zeros = (): Float32Array<ArrayBuffer> => new Float32Array(n)
  const upload = (values: Float32Array<ArrayBuffer>) => {
    const buffer = device.createBuffer({ size: values.byteLength, usage })
    device.queue.writeBuffer(buffer, 0, values)
    return buffer
  }
  const parameters = matrices.map((_, i) => ({ name: `w${i}`, shape: [n, 1], buffer: upload(zeros()) }))
  const transformation = inducedMetric(probe(), { learningRate: 0.5, xi: 0 })
  const optimizer = createGpuOptimizer(transformation, parameters, device)
  const saved = await optimizer.save()
  saved.parameters.forEach(({ slots }, i) => slots['given']!.set(matrices[i]!))
  optimizer.load(saved)
  const gradients = matrices.map(() => upload(zeros().fill(1)))
  for (let step = 0; step < steps; step++) optimizer.step(gradients)
  await optimizer.report()
  const { parameters: after } = await optimizer.save()
  optimizer.dispose()
  for (const buffer of [...gradients, ...parameters.map((parameter) => parameter.buffer)]) buffer.destroy()
  return after.map(({ slots }) =>
    Object.fromEntries(Object.entries(slots).map(([name, values]) => [name, Array.from(values)])),
  )
}

const page = { compute }
export type Page = typeof page
Object.assign(globalThis, { page })
