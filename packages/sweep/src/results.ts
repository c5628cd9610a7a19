/**
 * Reading, comparing and reporting the results of sweeps. Apart from the other entry, which every thread of a sweep loads.
 *
 * @packageDocumentation
 */
export { htmlReport, type ReportOptions } from './report/htmlReport.js'
export type { StudyDefinition } from './results/definition.js'
export { openResults, type ResultsFile, type StudyResults, type Trial } from './results/read.js'
export type { StoredRun } from './results/store.js'
export type { RunReport, RunStatus } from './runs/outcome.js'
export {
  compareBy,
  compareConfigurations,
  type BestByValue,
  type CompareOptions,
  type Comparison,
} from './statistics/compare.js'
