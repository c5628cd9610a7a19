/**
 * Induced-metric optimisers over any base preconditioner, framework-neutral.
 *
 * @packageDocumentation
 */
export * as algebra from './graph/algebra.js'
export type { Expr, Operand, Op, Shape, ElementwiseOp, ScalarOp, BarrierOp, Extent } from './graph/algebra.js'
export {
  checkCheckpoint,
  checkParameterState,
  decodeCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
  type ParameterState,
  type UnitState,
} from './checkpoint/bytes.js'
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
export type { Engine, EngineOptions, Passes, Slots, TypedArray } from './engines/engine.js'
export { createArena } from './engines/wasm/arena.js'
export { assist } from './engines/wasm/threads/worker.js'
export type { Helper } from './engines/wasm/threads/host.js'
export { instantiateStep } from './engines/wasm/instantiateStep.js'
export type { Allocator, StepKernels, TensorBinding } from './engines/wasm/kernels.js'
export {
  createMemory,
  isShared,
  isWasmMemory,
  isWasmSupported,
  type WasmMemory,
} from './engines/wasm/memory.js'
export { raiseEpsilons, type RaisedPlan } from './step/epsilons.js'
export { InducedMetricError, type ErrorCode } from './errors.js'
export { withGroups, type GroupOf } from './transformation/groups.js'
export { neededNodes, type Graph, type GraphNode } from './graph/graph.js'
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
export { checkLearningRate, learningRateAt, withLearningRate } from './step/learningRate.js'
export type { Lowering, TensorBackend } from './tensors/evaluate.js'
export {
  clipGraph,
  lossCount,
  stepStatus,
  type MetricChange,
  type MetricGraph,
  type MetricSum,
} from './step/metricGraph.js'
export { nearestNames } from './validation/nearest.js'
export { createModelOptimizer, type ModelOptimizer } from './arrays/modelOptimizer.js'
export {
  createOptimizer,
  initialSlots,
  type Optimizer,
  type OptimizerOptions,
  type OptimizerParameter,
  type Parameter,
} from './arrays/optimizer.js'
export { checkOptions, type OptionSpec } from './validation/options.js'
export {
  perExample,
  type PerExampleOptimizer,
  type PerExampleOptions,
  type PerExampleRate,
} from './perExample/perExample.js'
export type { PerExampleRows, PerExampleTargets } from './perExample/axes.js'
export {
  planStep,
  profileEntries,
  profileScalars,
  sizeOf,
  unitEntries,
  unitScalars,
  type ClipUnit,
  type MetricUnit,
  type PlannedParameter,
  type Profile,
  type ScalarEntry,
  type Scalars,
  type StepPlan,
  type UnitChange,
  type UnitSum,
} from './step/plan.js'
export {
  definePreconditioner,
  type Preconditioner,
  type PreconditionerDefinition,
  type PreconditionerFactory,
  type PreconditionerInput,
  type PreconditionerOutput,
} from './transformation/preconditioner.js'
export { adagrad, adam, heavyBall, lion, muon, rmsprop, sgd } from './transformation/preconditioners/index.js'
export { averagedSlot, changeOutput, type Reduction, type StepGraph } from './step/stepGraph.js'
export {
  composeReport,
  idle,
  initialReport,
  refusal,
  type StepReport,
  type UnitReport,
  type UnitResult,
} from './step/report.js'
export type { Company } from './transformation/roster.js'
export { joinRows, type JoinedRows } from './arrays/rows.js'
export { compileScalars, type ScalarProgram } from './graph/hostScalars.js'
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
export {
  checkTransformation,
  inducedMetric,
  type DecayMask,
  type GroupOptions,
  type GroupSettings,
  type InducedMetricOptions,
  type ParameterInfo,
  type StartAxis,
  type Transformation,
} from './transformation/transformation.js'
export { isTied, perRateOf, type TiedXi } from './transformation/tiedXi.js'
export { parseModelInput } from './step/scalarAverage.js'
export { rateFree, type RateFreeOptions } from './transformation/rateFree.js'
export { fromJSON, type FromJSONOptions } from './transformation/fromJSON.js'
export type { ComponentJSON, GroupJSON, TransformationJSON } from './transformation/toJSON.js'
export {
  createStepper,
  type ScalarState,
  type UnitNumbers,
  type StepOutcome,
  type Stepper,
} from './step/stepper.js'
export { checkOwnValues, withValues } from './step/withValues.js'
export { createTensorOptimizer, type TensorOptimizer, type TensorParameter } from './tensors/optimizer.js'
export {
  createTensorStep,
  type TensorInfo,
  type TensorResult,
  type TensorState,
  type TensorStep,
} from './tensors/step.js'
