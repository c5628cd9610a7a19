/**
 * Induced-metric optimisers over any base preconditioner, for every JavaScript framework.
 *
 * @packageDocumentation
 */
export * as algebra from './graph/algebra.js'
export {
  createOptimizer,
  type Optimizer,
  type OptimizerOptions,
  type OptimizerParameter,
  type Parameter,
} from './arrays/optimizer.js'
export {
  decodeCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
  type ParameterState,
  type UnitState,
} from './checkpoint/bytes.js'
export type { TypedArray } from './engines/engine.js'
export type { Helper } from './engines/wasm/threads/host.js'
export { assist } from './engines/wasm/threads/worker.js'
export { InducedMetricError, type ErrorCode } from './errors.js'
export type { Expr, Operand, Op, Shape } from './graph/algebra.js'
export type { PerExampleRows, PerExampleTargets } from './perExample/axes.js'
export {
  perExample,
  type PerExampleOptimizer,
  type PerExampleOptions,
  type PerExampleRate,
} from './perExample/perExample.js'
export type { StepReport, UnitReport } from './step/report.js'
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
  Range,
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
} from './transformation/preconditioner.js'
export { adagrad, adam, heavyBall, lion, muon, rmsprop, sgd } from './transformation/preconditioners/index.js'
export { rateFree, type RateFreeOptions } from './transformation/rateFree.js'
export {
  constant,
  cosine,
  exponential,
  linear,
  piecewise,
  warmup,
  type BuiltinSchedule,
  type Schedule,
  type ScheduleJSON,
} from './transformation/schedules.js'
export type { TiedXi } from './transformation/tiedXi.js'
export type { ComponentJSON, GroupJSON, TransformationJSON } from './transformation/toJSON.js'
export {
  inducedMetric,
  type DecayMask,
  type GroupOptions,
  type InducedMetricOptions,
  type ParameterInfo,
  type StartAxis,
  type Transformation,
} from './transformation/transformation.js'
