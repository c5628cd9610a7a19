import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import type { Array as JaxArray } from '@jax-js/jax'

import type { Batch } from '../data/batches.js'
import { PIXELS } from '../data/digits.js'
import { settings as paperSettings, type Setting } from '../settings.js'
import type { Availability, EpochRecord, Framework, StepRecord, TrainingJob } from '../training/framework.js'
import { takeSteps } from '../training/loop.js'

type Jax = typeof import('@jax-js/jax')

/** jax-js's own Adam is in a package that is not in the registry, so ours replaces it. */
const settings = paperSettings.map((setting): Setting => {
  if (setting.id !== 'adam') return setting
  const description = setting.description.replace(
    "the framework's own Adam",
    'in jax-js our Adam base with ξ = 0',
  )
  return { ...setting, description }
})

/** jax-js on its WebAssembly backend. */
export const framework: Framework = { id: 'jax-js', title: 'jax-js (wasm)', settings, available, train }

async function available(): Promise<Availability> {
  try {
    await start()
    const require = createRequire(import.meta.url)
    // The package does not export its manifest.
    const folder = dirname(dirname(require.resolve('@jax-js/jax')))
    const { version } = require(join(folder, 'package.json')) as { version: string }
    return { ok: true, detail: `jax-js ${version}, wasm` }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) }
  }
}

async function start(): Promise<Jax> {
  const jax = await import('@jax-js/jax')
  const devices = await jax.init('wasm')
  if (!devices.includes('wasm')) throw new Error('The wasm backend of jax-js does not start.')
  jax.defaultDevice('wasm')
  return jax
}

async function train(job: TrainingJob): Promise<void> {
  const jax = await start()
  const { jit, numpy: np, tree, valueAndGrad } = jax
  const { applyUpdates, inducedOptimizer } = await import('@induced-metric/jax-js')
  const look = (params: JaxArray[], images: JaxArray, digits: JaxArray): [JaxArray, JaxArray] => {
    const logits = forward(jax, params, images)
    const loss = jax.nn.logSoftmax(logits.ref).mul(digits.ref).sum(1).mean().neg()
    const right = np.equal(np.argmax(logits, 1), np.argmax(digits, 1))
    return [loss, np.mean(right.astype(np.float32))]
  }
  const evaluation = jit(look)
  const gradient = jit(valueAndGrad(look, { hasAux: true }))

  const names = job.network.map(({ name }) => name)
  const optimizer = inducedOptimizer(job.setting.transformation, {
    nameOf: ([place]) => names[Number(place)]!,
  })
  let params = job.network.map(({ shape, data }) => np.array(data.slice(), { shape: [...shape] }))
  let state = optimizer.init(tree.ref(params))
  const arraysOf = ({ images, labels, count }: Batch): [JaxArray, JaxArray] => [
    np.array(images.slice(), { shape: [count, PIXELS] }),
    jax.nn.oneHot(np.array(Int32Array.from(labels)), 10),
  ]
  try {
    await takeSteps(job, {
      step(batch): Omit<StepRecord, 'step'> {
        const [[value, right], grads] = gradient(tree.ref(params), ...arraysOf(batch))
        const loss = value.item()
        const [updates, next] = optimizer.update(grads, state, tree.ref(params), { loss })
        params = applyUpdates(params, updates)
        state = next
        const { scale, dualNorm } = optimizer.report!
        return { loss, accuracy: right.item(), scale, dualNorm: Number.isNaN(dualNorm) ? null : dualNorm }
      },
      evaluate(test): Omit<EpochRecord, 'epoch'> {
        const [loss, right] = evaluation(tree.ref(params), ...arraysOf(test))
        return { testLoss: loss.item(), testAccuracy: right.item() }
      },
    })
  } finally {
    tree.dispose([params, state])
    for (const compiled of [evaluation, gradient]) compiled.dispose()
  }
}

function forward(
  { nn, numpy: np }: Pick<Jax, 'nn' | 'numpy'>,
  params: JaxArray[],
  images: JaxArray,
): JaxArray {
  let activations = images
  for (let place = 0; place < params.length; place += 2) {
    const sums = np.matmul(activations, params[place]!).add(params[place + 1]!)
    activations = place + 2 < params.length ? nn.gelu(sums) : sums
  }
  return activations
}
