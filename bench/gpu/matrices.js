// One step on a square matrix on plain WebGPU, of the bases that multiply matrices: steps that compute roots or eigenvectors, and others.
import { createGpuOptimizer, inducedMetric, muon, shampoo, soap } from '@induced-metric/core'
import { measure } from './counts.js'

/** More steps than are taken. */
const never = 1_000_000
const bases = {
  muon: muon(),
  'shampoo, no roots': shampoo({ every: never }),
  'shampoo, roots': shampoo({ every: 1 }),
  'soap, no factors': soap({ every: never }),
  'soap, factors': soap({ every: 1 }),
}

/** STORAGE | COPY_DST | COPY_SRC */
const usage = 128 | 8 | 4

/**
 * The rows to be measured: each a name, and what measures it.
 *
 * @param {'small' | 'usual'} size
 */
export function matrixRows(size) {
  const n = size === 'small' ? 48 : 512
  return Object.keys(bases).map((by) => ({
    subject: `webgpu, a matrix of ${n} × ${n}`,
    by,
    measure: () => measureBase(bases[by], n),
  }))
}

async function measureBase(base, n) {
  const adapter = 'gpu' in navigator ? await navigator.gpu.requestAdapter() : null
  if (adapter === null) throw new Error('this browser has no WebGPU adapter')
  const device = await adapter.requestDevice()
  const upload = () => {
    const buffer = device.createBuffer({ size: 4 * n * n, usage })
    device.queue.writeBuffer(
      buffer,
      0,
      Float32Array.from({ length: n * n }, () => Math.random() - 0.5),
    )
    return buffer
  }
  const transformation = inducedMetric(base, { learningRate: 0.01 })
  const optimizer = createGpuOptimizer(
    transformation,
    [{ name: 'w', shape: [n, n], buffer: upload() }],
    device,
  )
  const gradient = upload()
  try {
    const step = () => optimizer.step([gradient])
    return await measure(step, () => device.queue.onSubmittedWorkDone(), { steps: 12, untimed: 2 })
  } finally {
    optimizer.dispose()
    device.destroy()
  }
}
