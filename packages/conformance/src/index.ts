/**
 * The conformance suite of induced-metric: the behaviour that every adapter must show, case by case.
 *
 * @packageDocumentation
 */
export { familyOf, type Case, type CaseBody } from './case.js'
export { cases, casesVersion } from './cases/index.js'
export { badgeJson, badgeOf, badgeSvg, type Badge } from './badge.js'
export { conventionsOf, type Convention, type ConventionReport } from './conventions.js'
export { ConformanceFailure, type Worst } from './compare.js'
export { compareReports, type ChangedCase, type ChangedFact, type ReportDifference } from './difference.js'
export {
  allCapabilities,
  allCapabilitiesBut,
  features,
  guarantees,
  limits,
  toleranceOf,
  type Arithmetic,
  type Capability,
  type Dtype,
  type Feature,
  type Guarantee,
  type Limit,
  type Manifest,
} from './manifest.js'
export { htmlReport } from './htmlReport.js'
export {
  checkGradients,
  type GradientModel,
  type GradientOptions,
  type GradientParameter,
  type GradientUpdate,
} from './gradients.js'
export { mountConformance, type MountOptions, type TestRunner } from './mount.js'
export type { PlainBase, PlainEmbedding, PlainOptions, PlainSchedule, PlainTransformation } from './plain.js'
export type { Problem, ProblemParameter } from './problem.js'
export {
  byFamily,
  type CaseResult,
  type CaseStatus,
  type ConformanceReport,
  type FamilyRow,
} from './report.js'
export { checkTarget, runCase, runConformance, type RunOptions } from './run.js'
export { selectCases, type CaseFilter } from './selection.js'
export type {
  ConformanceTarget,
  Core,
  CoreTransformation,
  Session,
  SessionReport,
  TargetParameter,
  TypedArray,
} from './target.js'
