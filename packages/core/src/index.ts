/**
 * Induced-metric optimisers over any base preconditioner, for every JavaScript framework.
 *
 * @packageDocumentation
 */
export { createOptimizer } from './arrays/optimizer.js'
export { serverStep, type ClientWeights } from './arrays/serverStep.js'
export type { Optimizer, OptimizerOptions, OptimizerParameter, Parameter } from './arrays/types.js'
export { decodeCheckpoint, encodeCheckpoint } from './checkpoint/bytes.js'
export type { Checkpoint, ParameterState, ProfileState, UnitState } from './checkpoint/checkpoint.js'
export type { TypedArray } from './dtype.js'
export type { OptimizerWorker } from './engines/engine.js'
export { serveOptimizers } from './engines/wasm/threads/worker.js'
export type { GpuBuffer, GpuDevice } from './engines/webgpu/device.js'
export { InducedMetricError, type ErrorCode } from './errors.js'
export { createGpuOptimizer } from './gpu/optimizer.js'
export type { GpuOptimizer, GpuParameter } from './gpu/types.js'
export * as algebra from './graph/algebra.js'
export type { Expr, Operand, Op, Shape } from './graph/algebra.js'
export type { PerExampleRows, PerExampleTargets } from './perExample/axes.js'
export {
  perExample,
  type PerExampleOptimizer,
  type PerExampleOptions,
  type PerExampleRate,
} from './perExample/perExample.js'
export type { StepReport, UnitReport } from './step/report.js'
export { adamw, type AdamWOptions } from './transformation/adamw.js'
export {
  defineEmbedding,
  identity,
  log,
  logDamped,
  root,
  type Embedding,
  type EmbeddingDefinition,
  type EmbeddingFactory,
} from './transformation/embedding.js'
export {
  findLearningRate,
  type RateSearch,
  type RateSearchOptions,
  type RateSubject,
  type TrainingSearchOptions,
  type SweptStep,
} from './transformation/findLearningRate.js'
export type { RateSweep, SweptRate } from './transformation/rateSweep.js'
export { fromJSON, type FromJSONOptions } from './transformation/fromJSON.js'
export type {
  BooleanSpec,
  Following,
  HyperparameterOptions,
  HyperparameterSpec,
  HyperparameterSpecs,
  IntegerSpec,
  MatrixRows,
  NumberSpec,
  RowsSpec,
  Scheduled,
} from './transformation/hyperparameter.js'
export {
  definePreconditioner,
  type Preconditioner,
  type PreconditionerDefinition,
  type PreconditionerFactory,
  type PreconditionerInput,
  type PreconditionerOutput,
  type SlotInitial,
  type SlotOptions,
  type SlotShape,
} from './transformation/preconditioner.js'
export {
  adabelief,
  adadelta,
  adafactor,
  adagrad,
  adam,
  adamAtan2,
  adamax,
  adan,
  ademamix,
  adopt,
  asgd,
  dadaptation,
  dog,
  ftrl,
  heavyBall,
  lamb,
  lars,
  lion,
  madgrad,
  mars,
  momo,
  muon,
  nadam,
  normuon,
  novograd,
  polyak,
  prodigy,
  radam,
  rmsprop,
  rprop,
  scheduleFree,
  sgd,
  shampoo,
  signum,
  sm3,
  soap,
  tiger,
  yogi,
} from './transformation/preconditioners/index.js'
export { rateFree, type RateFreeOptions } from './transformation/rateFree.js'
export {
  reduceOnPlateau,
  type PlateauOptions,
  type PlateauState,
  type ReduceOnPlateau,
} from './transformation/reduceOnPlateau.js'
export type { BuiltinSchedule, Schedule, ScheduleJSON } from './transformation/schedule.js'
export { constant, cosine, exponential, linear, piecewise, warmup } from './transformation/schedules.js'
export {
  cosineRestarts,
  inverseSqrt,
  oneCycle,
  warmupStableDecay,
} from './transformation/trainingSchedules.js'
export { inducedMetric } from './transformation/transformation.js'
export type { TiedXi } from './transformation/types.js'
export type { ComponentJSON, GroupJSON, TransformationJSON } from './transformation/types.js'
export type {
  DecayMask,
  GroupOptions,
  InducedMetricOptions,
  ParameterInfo,
  RisingCap,
  StartAxis,
  Transformation,
} from './transformation/types.js'
export type {
  AdaptiveClip,
  ClipNorm,
  Lookahead,
  StochasticWeightAveraging,
  WeightAverage,
} from './transformation/wrappers.js'
export type { Range } from './validation/range.js'
