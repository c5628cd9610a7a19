// The stored results of the paper's experiments and of the benchmark, and the figures that the page of the evidence shows.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compareConfigurations } from '@induced-metric/sweep/results'
import { root } from './workspace.js'

/**
 * @typedef {import('@induced-metric/example-paper').CompactStudy} CompactStudy
 * @typedef {import('@induced-metric/example-paper').CompactTrial} CompactTrial
 * @typedef {import('@induced-metric/example-paper').CompactRun} CompactRun
 * @typedef {import('@induced-metric/sweep/results').StudyResults} StudyResults
 */

/**
 * @typedef {object} Published
 * @property {string} source
 * @property {Record<string, { first?: number, best: number, best50?: number }>} mnist
 * @property {Record<string, number>} regression
 * @property {Record<string, Record<string, number | null>>} functions
 * @property {Record<string, number>} gpt
 */

/**
 * @typedef {object} Grid
 * @property {string} command
 * @property {number} planned
 * @property {Record<string, Record<string, { tried: number, arrived: number, steps: number[] }>>} grid
 */

/** @typedef {[base: string, variant: string, factor: number | null, trials: (number | null)[], scores: (number | null)[], seconds: (number | null)[]]} BenchmarkRow */

/**
 * @typedef {object} Benchmark
 * @property {string} command
 * @property {number} planned
 * @property {number} runs
 * @property {number} failed
 * @property {number} minutes
 * @property {number[]} [factors]
 * @property {{ id: string, title: string, description: string, steps: number, rows: BenchmarkRow[] }[]} workloads
 */

/**
 * All that the page is made of; what has not been measured yet is missing.
 *
 * @typedef {object} Evidence
 * @property {Published} published
 * @property {CompactStudy | undefined} mnist
 * @property {CompactStudy | undefined} controls
 * @property {CompactStudy | undefined} sweep
 * @property {CompactStudy | undefined} regression
 * @property {CompactStudy | undefined} gpt
 * @property {Grid | undefined} functions
 * @property {Record<string, number>} targets
 * @property {Benchmark | undefined} tuned
 * @property {Benchmark | undefined} selfTuning
 */

/** @returns {Evidence} */
export function readEvidence() {
  const paper = (/** @type {string} */ name) => read(`examples/paper/results/${name}.json`)
  const benchmark = (/** @type {string} */ name) => read(`examples/optimizer-benchmark/results/${name}.json`)
  return {
    published: /** @type {Published} */ (paper('published')),
    mnist: /** @type {CompactStudy | undefined} */ (paper('mnist')),
    controls: /** @type {CompactStudy | undefined} */ (paper('mnist-controls')),
    sweep: /** @type {CompactStudy | undefined} */ (paper('mnist-sweep')),
    regression: /** @type {CompactStudy | undefined} */ (paper('regression')),
    gpt: /** @type {CompactStudy | undefined} */ (paper('gpt')),
    functions: /** @type {Grid | undefined} */ (paper('functions')),
    targets: /** @type {{ targets: Record<string, number> }} */ (benchmark('targets')).targets,
    tuned: /** @type {Benchmark | undefined} */ (benchmark('tuned')),
    selfTuning: /** @type {Benchmark | undefined} */ (benchmark('self-tuning')),
  }
}

/**
 * @param {string} file - from the root
 * @returns {unknown} undefined where there is no such file
 */
function read(file) {
  const path = join(root, file)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** The names of the paper's optimisers. */
export const titles = {
  adam: 'Adam',
  adamw: 'AdamW',
  sgd: 'SGD',
  muon: 'Muon',
  identity: 'induced, identity',
  log: 'induced, log',
  rms: 'induced, rms',
}

/** @typedef {keyof typeof titles} OptimizerId */

/** @param {readonly number[]} values - at least one */
export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** @param {readonly number[]} values */
export function deviation(values) {
  const middle = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
}

/**
 * The values of a configuration's runs that have one.
 *
 * @param {CompactTrial} trial
 * @param {(run: CompactRun) => number | null | undefined} [pick]
 */
export function valuesOf({ runs }, pick = ({ value }) => value) {
  return runs.map(pick).filter((value) => value !== null && value !== undefined)
}

/**
 * The trial of an optimiser.
 *
 * @param {CompactStudy} study
 * @param {string} optimizer
 * @param {string} [control]
 */
export function trialOf({ trials }, optimizer, control) {
  return trials.find(
    ({ hyperparameters }) =>
      hyperparameters['optimizer'] === optimizer && hyperparameters['control'] === control,
  )
}

/**
 * All trials of an optimiser that finished, the best first.
 *
 * @param {CompactStudy} study
 * @param {string} optimizer
 */
export function ranked({ trials, goal }, optimizer) {
  const sign = goal === 'maximize' ? -1 : 1
  return trials
    .filter((trial) => trial.hyperparameters['optimizer'] === optimizer && valuesOf(trial).length > 0)
    .sort((a, b) => sign * (mean(valuesOf(a)) - mean(valuesOf(b))))
}

/**
 * Compares two configurations seed by seed: the mean of a − b and its bootstrap interval at 95 %.
 *
 * @param {CompactTrial} a
 * @param {CompactTrial} b
 */
export function compare(a, b) {
  const trials = [a, b].map(({ hyperparameters, runs }, configuration) => ({
    configuration,
    hyperparameters,
    runs: runs.map(({ seed, value }) => ({
      seed,
      value,
      status: value === null ? 'notFinite' : 'finished',
    })),
  }))
  // The comparison reads nothing else of the results.
  const results = /** @type {StudyResults} */ (/** @type {unknown} */ ({ trials }))
  const { difference, interval, differences } = compareConfigurations(results, 0, 1)
  return { difference, interval, seeds: differences.length }
}

/**
 * Compares pairs of numbers as runs with the same seed.
 *
 * @param {readonly { a: number, b: number }[]} pairs
 */
export function comparePairs(pairs) {
  const trial = (/** @type {'a' | 'b'} */ side) => ({
    hyperparameters: {},
    runs: pairs.map((pair, seed) => ({ seed, value: pair[side], seconds: 0 })),
  })
  return compare(trial('a'), trial('b'))
}
