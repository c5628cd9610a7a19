// The behaviour that a change of the code's shape must leave alone, as data: the results of the conformance cases,
// checkpoints and optimizer models. tests/behaviour.test.ts compares it with a fixture of an earlier commit, so this
// file imports public entries only, by names that have not changed since.
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { cases, runConformance } from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import { optimizerModel } from '@induced-metric/onnxruntime'
import * as ort from 'onnxruntime-node'
import { coreTarget } from '../packages/conformance/test/conformance/targets.js'

/** @typedef {import('@induced-metric/core').Transformation} Transformation */
/** @typedef {import('@induced-metric/core').Parameter} Parameter */
/** @typedef {{ name: string, shape: number[], group?: string, rowsAre?: 'inputs' | 'outputs' }} Described */
/** @typedef {'float32' | 'float64'} Dtype */

/** @type {('reference' | 'wasm')[]} */
export const engines = ['reference', 'wasm']

/**
 * @param {import('node:crypto').BinaryLike[]} parts
 * @returns {string} 16 hexadecimal digits
 */
function fingerprint(...parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex').slice(0, 16)
}

/** @param {ArrayBufferView} view */
function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/**
 * A mark of how this runtime rounds powers. Of the functions that steps use, `Math.pow` alone differs in its last bit
 * between releases of V8, so a fixture holds the results of each rounding.
 */
export function roundingOfPowers() {
  return fingerprint(Float64Array.from({ length: 20_000 }, (_, i) => Math.pow(0.1 + i / 30_000, i % 40)))
}

// ---------------------------------------------------------------------------------------------- conformance cases

/**
 * Every case's result on an engine of the core: its status and the numbers of its worst comparison. The words of a
 * result are free to change.
 *
 * @param {'reference' | 'wasm'} engine
 * @param {readonly string[]} ids - of the cases to ask; those that the suite has no more are left out
 * @returns {Promise<Record<string, string>>} by id
 */
export async function caseResults(engine, ids) {
  const filter = caseIds.filter((id) => ids.includes(id))
  const report = await runConformance(coreTarget(engine), { seed: 1, filter })
  return Object.fromEntries(
    report.cases.map(({ id, status, worst }) => [
      id,
      worst === undefined ? status : `${status} ${worst.error} of ${worst.tolerance}`,
    ]),
  )
}

/** The ids of all cases, in order. */
export const caseIds = cases.map(({ id }) => id)

/**
 * Results by family, for a fixture: few enough to keep, and close enough to the case to find it.
 *
 * @param {Record<string, string>} results - by id
 * @param {readonly string[]} ids - of the cases that the fixture knows; the suite may have gained others since
 * @returns {Record<string, string>} by family; six hexadecimal digits a case, in the order of the ids
 */
export function shorten(results, ids) {
  /** @type {Record<string, string>} */
  const families = {}
  for (const id of ids) {
    const family = id.split('/').slice(0, 2).join('/')
    families[family] = `${families[family] ?? ''}${fingerprint(results[id] ?? 'withdrawn').slice(0, 6)}`
  }
  return families
}

// ---------------------------------------------------------------------------------------------- transformations

/** A base as a caller may define one: without a `dual`, and with an average. */
const custom = core.definePreconditioner({
  name: 'behaviour-custom',
  hyperparameters: { decay: { kind: 'number', default: 0.8, min: 0, max: 1 } },
  update({ gradient, slot, decay }) {
    const { add, div, mul, sqrt, sub } = core.algebra
    const mean = add(mul(decay, slot('mean', 0.25)), mul(sub(1, decay), gradient))
    return { direction: div(mean, add(sqrt(mul(mean, mean)), 0.5)), slots: { mean } }
  },
})

/** An embedding as a caller may define one: f = (L + shift)²/2, h = L. */
const shifted = core.defineEmbedding({
  name: 'behaviour-shifted',
  hyperparameters: { shift: { kind: 'number', default: 2 } },
  slope: (loss, { shift }) => core.algebra.add(loss, shift),
  descends: () => 1,
  domain: (loss, { shift }) => core.algebra.add(loss, shift),
})

const bases = {
  sgd: core.sgd(),
  'sgd momentum': core.sgd({ momentum: 0.9 }),
  heavyBall: core.heavyBall(),
  'heavyBall nesterov': core.heavyBall({ momentum: 0.8, dampening: 0.1, nesterov: true }),
  rmsprop: core.rmsprop(),
  'rmsprop centered': core.rmsprop({ centered: true, decay: 0.9 }),
  'rmsprop momentum': core.rmsprop({ momentum: 0.5 }),
  adagrad: core.adagrad({ initialAccumulator: 0.1 }),
  adam: core.adam(),
  'adam nesterov': core.adam({ beta1: 0.8, nesterov: true, epsilon: 1e-6 }),
  lion: core.lion(),
  muon: core.muon(),
  'muon inputs': core.muon({ rows: 'inputs', iterations: 3, nesterov: false }),
  custom: custom(),
}

/** @type {Record<string, Partial<import('@induced-metric/core').InducedMetricOptions>>} */
const settings = {
  'xi 0': { xi: 0 },
  'xi auto': {},
  'xi 0.1, beta 0.5': { xi: 0.1, beta: 0.5 },
  'xi tied': { xi: 'rate' },
  'xi tied to a schedule': {
    xi: { perRate: 3 },
    learningRate: core.cosine({ from: 0.1, to: 0.01, steps: 6 }),
  },
  root: { embedding: core.root(), xi: 0.2 },
  'root tied': { embedding: core.root({ floor: 0.25 }), xi: 'rate' },
  'root follow': { embedding: core.root({ floor: 'follow' }), xi: 'rate' },
  log: { embedding: core.log({ floor: -0.5 }), xi: 0.2 },
  'log follow': { embedding: core.log({ floor: { follow: -1 } }), xi: 0.3, onBadLoss: 'skip' },
  logDamped: { embedding: core.logDamped(), xi: 0.2 },
  'logDamped schedule': {
    embedding: core.logDamped({ floor: core.linear({ from: 0.1, to: 0.3, steps: 5 }) }),
    xi: 0.5,
  },
  'floor above a loss, base': { embedding: core.log({ floor: 0.9 }), xi: 0.2, onBadLoss: 'base' },
  'floor above a loss, zero': { embedding: core.root({ floor: 0.9 }), xi: 0.2, onBadLoss: 'zero' },
  'embedding of a caller': { embedding: shifted(), xi: 0.2 },
  clip: { clipNorm: 0.5, xi: 0.1 },
  decay: { weightDecay: 0.1, decayMask: 'matrices', xi: 0.1 },
  'decay by the step': { weightDecay: 0.1, decayScaling: 'step', xi: 'rate' },
  'averaged weights': { averageWeights: 3, xi: 0.1 },
  'averaged model': { averagedModel: true, embedding: core.root(), xi: 'rate' },
  'start axis': { startAxis: { weight: 2 }, xi: 0.1 },
  'start axis of a run': { startAxis: { weight: 2, steps: 8, power: 0.5 }, xi: 0.1 },
  groups: {
    metricScope: 'group',
    clipNorm: 2,
    groups: { second: { learningRate: 0.02, xi: 0.3, weightDecay: 0.05, clipNorm: 0.4 } },
  },
  'groups, one metric': { xi: 0.1, groups: { second: { xi: 0.4, beta: 0.6, base: core.sgd() } } },
  'by parameter': { metricScope: 'parameter', embedding: core.logDamped(), xi: 0.1 },
  'warm up': {
    learningRate: core.warmup(core.exponential({ from: 0.1, rate: 0.9 }), { steps: 3 }),
    xi: 0.1,
  },
}

/**
 * `rateFree` as it was when the fixture was made: without a growth rate.
 *
 * @param {Parameters<typeof core.rateFree>} options
 */
function unlimited(...options) {
  const { growthRate: _, ...json } = core.rateFree(...options).toJSON()
  return core.fromJSON(json)
}

/** @type {Record<string, () => Transformation>} */
const transformations = {
  'rateFree adam': () => unlimited(core.adam()),
  'rateFree adam, 8 steps': () => unlimited(core.adam(), { steps: 8, floor: 0.1 }),
  'rateFree sgd momentum, follow': () => unlimited(core.sgd({ momentum: 0.9 }), { floor: 'follow' }),
  'rateFree muon, 8 steps': () => unlimited(core.muon(), { steps: 8 }),
}
for (const [name, base] of Object.entries(bases)) {
  for (const [setting, options] of Object.entries(settings))
    transformations[`${name} | ${setting}`] = () =>
      core.inducedMetric(base, { learningRate: 0.1, ...options })
}

/** @type {{ described: Described[], dtype: Dtype }[]} */
const parameterSets = [
  {
    dtype: 'float32',
    described: [
      { name: 'wide', shape: [3, 5] },
      { name: 'tall', shape: [6, 4], group: 'second', rowsAre: 'inputs' },
      { name: 'vector', shape: [7] },
      { name: 'scalar', shape: [] },
    ],
  },
  {
    dtype: 'float64',
    described: [
      { name: 'kernel', shape: [9, 2], rowsAre: 'outputs' },
      { name: 'bias', shape: [2], group: 'second' },
    ],
  },
  {
    // Long enough for whole vectors and a rest.
    dtype: 'float32',
    described: [
      { name: 'square', shape: [8, 8], group: 'second' },
      { name: 'long', shape: [67] },
      { name: 'empty', shape: [0] },
      { name: 'cube', shape: [2, 3, 4] },
    ],
  },
]

/**
 * Numbers in (−1, 1) that no function of the platform computes.
 *
 * @param {Described} parameter
 * @param {number} seed
 * @param {Dtype} dtype
 */
function numbers({ shape }, seed, dtype) {
  const size = shape.reduce((a, b) => a * b, 1)
  const array = dtype === 'float64' ? new Float64Array(size) : new Float32Array(size)
  let state = (seed * 2654435761) >>> 0
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    array[i] = (state >>> 8) / 2 ** 23 - 1
  }
  return array
}

const losses = [2, 1.5, 1.25, 0.75, 1, 0.5]

/**
 * Steps of an optimiser: one that leaves a parameter out, one whose gradient is not finite, and plain ones.
 *
 * @param {Transformation} transformation
 * @param {'reference' | 'wasm'} engine
 * @param {(typeof parameterSets)[number]} set
 */
function train(transformation, engine, { described, dtype }) {
  const parameters = described.map((one, i) => ({ ...one, data: numbers(one, i + 1, dtype) }))
  const optimizer = core.createOptimizer(transformation, parameters, { engine })
  const reports = losses.map((loss, step) => {
    const gradients = described.map((one, i) => {
      if (step === 2 && i === 1) return null
      const gradient = numbers(one, 100 * (step + 1) + i, dtype)
      if (step === 4 && i === 0) gradient[0] = NaN
      return gradient
    })
    return optimizer.step(gradients, { loss })
  })
  const checkpoint = optimizer.save()
  const result = {
    hash: checkpoint.hash,
    bytes: core.encodeCheckpoint(checkpoint),
    values: optimizer.parameters.map(({ data }) => Uint8Array.from(bytesOf(data))),
    reports,
  }
  optimizer.dispose()
  return result
}

/**
 * What becomes of every transformation: the structural hash, then fingerprints of the checkpoint's bytes, of the
 * parameters' and of the reports, by engine. An error is its code.
 *
 * @returns {{ name: string, engine: string, result: string, checkpoint: Uint8Array | undefined }[]}
 */
export function checkpoints() {
  return Object.entries(transformations).flatMap(([name, make], index) =>
    engines.map((engine) => {
      try {
        const set = /** @type {(typeof parameterSets)[number]} */ (
          parameterSets[index % parameterSets.length]
        )
        const { hash, bytes, values, reports } = train(make(), engine, set)
        const marks = [fingerprint(bytes), fingerprint(...values), fingerprint(JSON.stringify(reports))]
        return { name, engine, result: [hash, ...marks].join(' '), checkpoint: bytes }
      } catch (error) {
        if (!(error instanceof core.InducedMetricError)) throw error
        return { name, engine, result: error.code, checkpoint: undefined }
      }
    }),
  )
}

/** Transformations whose checkpoints the fixture keeps whole, for other readers of the format. */
export const wholeCheckpoints = ['adam | xi auto', 'sgd momentum | root follow', 'muon | groups']

// ---------------------------------------------------------------------------------------------- optimizer models

/** Transformations that are written as models: every base once, every setting once. */
const modelled = [
  ...Object.keys(bases).map((name) => `${name} | xi 0.1, beta 0.5`),
  ...Object.keys(settings).map((setting) => `adam | ${setting}`),
  'muon | groups',
  'muon inputs | clip',
  'sgd momentum | averaged model',
  'rateFree adam, 8 steps',
  'rateFree muon, 8 steps',
]

/**
 * @typedef {object} WrittenModel
 * @property {string} name
 * @property {Uint8Array} model - the file
 * @property {string} facts - all that the function says of the model, as JSON: parameters, state, hyperparameters
 */

/** @returns {WrittenModel[]} */
export function optimizerModels() {
  return [...new Set(modelled)].map((name, index) => {
    const { described, dtype } = modelSet(index)
    const inputs = name === 'adam | xi tied' ? ['learning_rate'] : []
    const transformation = /** @type {() => Transformation} */ (transformations[name])()
    const written = optimizerModel(
      transformation,
      described.map((one) => ({ ...one, dtype })),
      { inputs },
    )
    const { model, parameters, state, hyperparameters, needsLoss } = written
    return { name, model, facts: JSON.stringify({ parameters, state, hyperparameters, needsLoss }) }
  })
}

/** @param {number} index - of a model */
function modelSet(index) {
  const set = /** @type {(typeof parameterSets)[number]} */ (parameterSets[index % 2])
  return set
}

/**
 * Runs a model for some steps, with its state handed back to it.
 *
 * @param {Uint8Array} model
 * @param {string} facts - as of {@link optimizerModels}
 * @param {number} index - of the model
 * @returns {Promise<Record<string, string>>} the bits of every output after each step, as fingerprints
 */
export async function runModel(model, facts, index) {
  const { parameters, state, hyperparameters, needsLoss } =
    /** @type {Omit<import('@induced-metric/onnxruntime').OptimizerModel, 'model'>} */ (JSON.parse(facts))
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 })
  const { described, dtype } = modelSet(index)
  const real = (/** @type {number} */ value) => new ort.Tensor('float64', Float64Array.of(value), [])
  /** @type {Record<string, ort.Tensor>} */
  const feeds = {}
  for (const { input, type, dims, initial } of state) {
    const size = dims.reduce((a, b) => a * b, 1)
    feeds[input] =
      type === 'int64'
        ? new ort.Tensor('int64', new BigInt64Array(size).fill(BigInt(initial)), dims)
        : new ort.Tensor(type, (type === 'float64' ? new Float64Array(size) : new Float32Array(size)).fill(Number(initial)), dims) // prettier-ignore
  }
  described.forEach((one, i) => {
    feeds[one.name] = new ort.Tensor(dtype, numbers(one, i + 1, dtype), one.shape)
  })
  /** @type {Record<string, string>} */
  const outputs = {}
  for (const [step, loss] of losses.entries()) {
    parameters.forEach(({ gradient }, i) => {
      const one = /** @type {Described} */ (described[i])
      const values = numbers(one, 100 * (step + 1) + i, dtype)
      if (step === 4 && i === 0) values[0] = NaN
      feeds[gradient] = new ort.Tensor(dtype, values, one.shape)
    })
    hyperparameters.forEach((name, i) => {
      feeds[name] = real(0.01 * (i + 1) * (step + 1))
    })
    if (needsLoss) feeds['loss'] = real(loss)
    const results = await session.run(feeds)
    for (const name of session.outputNames) {
      const tensor = /** @type {ort.Tensor} */ (results[name])
      const data = /** @type {Float32Array | Float64Array | BigInt64Array} */ (tensor.data)
      outputs[`step ${step + 1}: ${name} ${tensor.type} [${tensor.dims.join()}]`] = fingerprint(bytesOf(data))
    }
    for (const { input, output } of state) feeds[input] = /** @type {ort.Tensor} */ (results[output])
    for (const { name, output } of parameters) feeds[name] = /** @type {ort.Tensor} */ (results[output])
  }
  outputs['inputs'] = [...session.inputNames].sort().join(' ')
  await session.release()
  return outputs
}

/** @param {Uint8Array | string} content - the bytes of a model, or a text */
export function pack(content) {
  return gzipSync(content, { level: 9 }).toString('base64')
}

/** @param {string} packed */
export function unpack(packed) {
  return new Uint8Array(gunzipSync(Buffer.from(packed, 'base64')))
}

/** @param {string} packed */
export function unpackIds(packed) {
  return Buffer.from(unpack(packed)).toString('utf8').split('\n')
}
