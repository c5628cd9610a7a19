import { runConformance, type ConformanceReport } from '@induced-metric/conformance'
import { adam, inducedMetric, log, type InducedMetricError } from '@induced-metric/core'
import { applyUpdates, inducedOptimizer, type InducedState } from '@induced-metric/jax-js'
import * as jax from '@jax-js/jax'
import manifest from '../../package.json' with { type: 'json' }
import { jaxTarget } from '../conformance/target.js'
import { initialParams, loss, type Params } from '../support/problem.js'
import { optimizerOf, transformations } from '../support/transformations.js'

// The functions of the page that the browser test calls. They wait for what they read: SwiftShader's WebGPU loses its device when
// jax-js reads an array at once.

const { jit, numpy: np, tree, valueAndGrad } = jax

type Device = 'wasm' | 'webgpu' | 'webgl'
type Step = (params: Params, state: InducedState) => [Params, InducedState, jax.numpy.Array]

/** Sets the device. Throws where the browser has none. */
async function start(device: Device): Promise<void> {
  const devices = await jax.init(device)
  if (!devices.includes(device)) throw new Error(`this browser has no ${device}`)
  jax.defaultDevice(device)
}

/** The values of all leaves; the arrays remain. */
async function valuesOf(given: jax.JsTree<jax.numpy.Array>): Promise<number[][]> {
  const values: number[][] = []
  for (const { ref } of tree.leaves<jax.numpy.Array>(given))
    values.push([...((await ref.data()) as Float32Array)])
  return values
}

/** The numbers of a state, which are pairs of uint32 in it. */
const numbersIn = (words: Iterable<number>): number[] => [...new Float64Array(Uint32Array.from(words).buffer)]

/** A transformation's optimiser, and steps of the network with it. */
function stepsOf(name: string) {
  const solver = optimizerOf(transformations[name]!)
  const itself: Step = (params, state) => {
    const [value, grads] = valueAndGrad(loss)(tree.ref(params))
    const [updates, next] = solver.update(grads, state, tree.ref(params), { loss: value.ref })
    return [applyUpdates(params, updates), next, value]
  }
  return { solver, itself, compiled: jit(itself) as Step }
}

/**
 * Trains for four steps on a device, inside of `jit` or not.
 *
 * @returns the parameters and the slots, and the numbers of the state
 */
async function train(
  device: Device,
  name: string,
  how: 'itself' | 'jit',
): Promise<{ values: number[][]; numbers: number[] }> {
  await start(device)
  const { solver, itself, compiled } = stepsOf(name)
  const step = how === 'jit' ? compiled : itself
  let params = initialParams()
  let state = solver.init(tree.ref(params))
  for (let i = 0; i < 4; i++) {
    const [nextParams, nextState, value] = step(params, state)
    value.dispose()
    ;[params, state] = [nextParams, nextState]
  }
  const values = [...(await valuesOf(params)), ...(await valuesOf(state.slots))]
  const numbers = numbersIn((await valuesOf(state.numbers))[0]!)
  tree.dispose([params, state])
  return { values, numbers }
}

/**
 * Takes two good steps inside of `jit`, and in between those that must not be taken.
 *
 * @returns by bad step, whether parameters, slots and numbers are what they were, but for the count of skipped steps, and how far
 *   the last step is from that of a run without them
 */
async function refused(device: Device): Promise<{ same: boolean[]; skipped: number; distance: number }> {
  await start(device)
  const transformation = inducedMetric(adam(), { learningRate: 0.1, embedding: log(), clipNorm: 1 })
  const solver = inducedOptimizer(transformation)
  type Weights = { w: jax.numpy.Array; b: jax.numpy.Array }
  const step = jit(
    (
      grads: Weights,
      state: InducedState,
      params: Weights,
      value: jax.numpy.Array,
    ): [Weights, InducedState] => {
      const [updates, next] = solver.update(grads, state, tree.ref(params), { loss: value })
      return [applyUpdates(params, updates), next]
    },
  )
  const grads = (bad?: number): Weights => ({ w: np.array([0.5, -1, bad ?? 2]), b: np.array(0.25) })
  const first = (): Weights => ({ w: np.array([1, 2, 3]), b: np.array(0.5) })
  const read = async (params: Weights, state: InducedState) => {
    const values = await valuesOf([params, state.slots] as never)
    return { values, numbers: numbersIn((await valuesOf(state.numbers))[0]!) }
  }
  let [params, state] = step(grads(), solver.init(first()), first(), np.array(2))
  const before = await read(params, state)
  const same: boolean[] = []
  let skipped = 0
  for (const [gradient, value] of [
    [NaN, 2],
    [Infinity, 2],
    [2, NaN],
    [2, -1],
    [3e38, 2],
  ] as const) {
    ;[params, state] = step(grads(gradient), state, params, np.array(value))
    const { values, numbers } = await read(params, state)
    const changed = numbers.flatMap((number, i) => (number === before.numbers[i] ? [] : [number]))
    skipped = changed[0] ?? 0
    same.push(JSON.stringify(values) === JSON.stringify(before.values) && changed.length === 1)
  }
  ;[params, state] = step(grads(), state, params, np.array(2))
  const found = await read(params, state)
  let [clean, cleanState] = step(grads(), solver.init(first()), first(), np.array(2))
  ;[clean, cleanState] = step(grads(), cleanState, clean, np.array(2))
  const expected = (await read(clean, cleanState)).values.flat()
  const differences = found.values.flat().map((value, i) => Math.abs(value - expected[i]!))
  return { same, skipped, distance: Math.max(...differences) }
}

/** Moves parameters and a state to a device. */
async function put(given: [Params, InducedState], device: Device): Promise<[Params, InducedState]> {
  return jax.devicePut(given as never, device)
}

/**
 * Takes two steps inside of `jit` on webgpu, moves what it has to wasm and saves it there, and goes on from that on webgpu.
 *
 * @returns the codes of what is refused on webgpu, and how far the parameters are from those of a run without the interruption
 */
async function moved(): Promise<{ codes: string[]; steps: number; distance: number }> {
  await jax.init('wasm')
  await start('webgpu')
  const { solver, itself, compiled } = stepsOf('adam, log and weight decay')
  let params = initialParams()
  let state = solver.init(tree.ref(params))
  const take = (): void => {
    const [nextParams, nextState, value] = compiled(params, state)
    value.dispose()
    ;[params, state] = [nextParams, nextState]
  }
  const [firstParams, firstState] = [tree.ref(params), tree.ref(state)]
  for (let i = 0; i < 4; i++) take()
  const expected = (await valuesOf(params)).flat()
  ;[params, state] = [firstParams, firstState]
  for (let i = 0; i < 2; i++) take()

  const codeOf = (attempt: () => unknown): string => {
    try {
      attempt()
      return 'done'
    } catch (error) {
      return (error as InducedMetricError).code
    }
  }
  const codes = [
    codeOf(() => itself(tree.ref(params), tree.ref(state))),
    codeOf(() => solver.save(state, params)),
    codeOf(() => solver.learningRate(state, params)),
  ]
  const [ownParams, ownState] = await put([params, state], 'wasm')
  jax.defaultDevice('wasm')
  const checkpoint = solver.save(ownState, ownParams)
  const loaded = solver.load(checkpoint, tree.ref(ownParams))
  ;[params, state] = await put([ownParams, loaded], 'webgpu')
  jax.defaultDevice('webgpu')
  for (let i = 0; i < 2; i++) take()
  const differences = (await valuesOf(params)).flat().map((value, i) => Math.abs(value - expected[i]!))
  return { codes, steps: checkpoint.step, distance: Math.max(...differences) }
}

/** The code of the error that parameters of float64 give on a device. */
async function doubles(device: Device): Promise<string> {
  await start(device)
  const params = { w: np.array(Float64Array.of(1, 2), { dtype: np.float64 }) }
  try {
    stepsOf('heavyBall, clipped').solver.init(params)
    return 'none'
  } catch (error) {
    return (error as InducedMetricError).code
  } finally {
    tree.dispose(params)
  }
}

/** Runs cases of the suite. */
async function conformance(device: Device, ids: readonly string[]): Promise<ConformanceReport> {
  await start(device)
  const { version, devDependencies } = manifest
  const target = jaxTarget(device, { version, ofJax: devDependencies['@jax-js/jax'] })
  return runConformance(target, { filter: ids })
}

const page = { conformance, doubles, train, refused, moved }

/** The functions of the page, as the tests call them. */
export type Page = typeof page

Object.assign(globalThis, { page })
