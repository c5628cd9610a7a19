/**
 * Hyperparameter sweeps on one machine or many, with results that survive `kill -9`.
 *
 * @packageDocumentation
 */
export type { EndedRun, Progress, SweepEvent } from './events.js'
export type { StudyDefinition } from './results/definition.js'
export type { StudyResults, Trial } from './results/read.js'
export type { StoredRun } from './results/store.js'
export type { RunReport, RunStatus } from './runs/outcome.js'
export { runStudy, runWorker } from './run.js'
export type { RunStudyOptions, RunWorkerOptions } from './runOptions.js'
export { grid, listed, type GridOptions } from './samplers/grid.js'
export { quasiRandom } from './samplers/quasiRandom.js'
export { random } from './samplers/randomSearch.js'
export type { Proposal, Sampler, TriedConfiguration } from './samplers/sampler.js'
export { tpe, type TpeOptions } from './samplers/tpe.js'
export {
  choice,
  integer,
  logUniform,
  uniform,
  when,
  type ChoiceParameter,
  type ConditionalParameter,
  type Hyperparameters,
  type HyperparametersOf,
  type IntegerParameter,
  type Json,
  type LogUniformParameter,
  type Parameter,
  type PlainParameter,
  type Space,
  type UniformParameter,
  type ValueOf,
} from './space/space.js'
export {
  medianRule,
  successiveHalving,
  type MedianRuleOptions,
  type StoppingRule,
  type SuccessiveHalvingOptions,
} from './stopping/rule.js'
export {
  defineStudy,
  type Budget,
  type Metric,
  type RunContext,
  type RunResult,
  type Study,
} from './study/study.js'
