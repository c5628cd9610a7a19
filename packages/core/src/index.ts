/**
 * Induced-metric optimisers over any base preconditioner, framework-neutral.
 *
 * @packageDocumentation
 */
export * as algebra from './algebra.js'
export type { Expr, Operand, Op, Shape, ElementwiseOp, ScalarOp, BarrierOp, Extent } from './algebra.js'
export {
  checkCheckpoint,
  checkParameterState,
  decodeCheckpoint,
  encodeCheckpoint,
  type Checkpoint,
  type ParameterState,
  type UnitState,
} from './checkpoint.js'
export {
  defineEmbedding,
  identity,
  log,
  logDamped,
  root,
  type Embedding,
  type EmbeddingDefinition,
  type EmbeddingFactory,
} from './embedding.js'
export type { Engine, EngineOptions, Passes, Slots, TypedArray } from './engines/engine.js'
export { createArena } from './engines/wasm/arena.js'
export { assist } from './engines/wasm/assist.js'
export type { Helper } from './engines/wasm/crew.js'
export { instantiateStep } from './engines/wasm/instantiate.js'
export type { Allocator, StepKernels, TensorBinding } from './engines/wasm/kernels.js'
export {
  createMemory,
  isShared,
  isWasmMemory,
  isWasmSupported,
  type WasmMemory,
} from './engines/wasm/webassembly.js'
export { raiseEpsilons, type RaisedPlan } from './epsilons.js'
export { InducedMetricError, type ErrorCode } from './errors.js'
export { withGroups, type GroupOf } from './groups.js'
export { neededNodes, type Graph, type GraphNode } from './graph.js'
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
} from './hyperparameter.js'
export { checkLearningRate, learningRateAt, withLearningRate } from './learningRate.js'
export type { Lowering, TensorBackend } from './lowering.js'
export { clipGraph, stepStatus, type MetricChange, type MetricGraph, type MetricSum } from './metricGraph.js'
export { createModelOptimizer, type ModelOptimizer } from './modelOptimizer.js'
export {
  createOptimizer,
  initialSlots,
  type Optimizer,
  type OptimizerOptions,
  type OptimizerParameter,
  type Parameter,
} from './optimizer.js'
export { checkOptions, type OptionSpec } from './options.js'
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
} from './plan.js'
export {
  definePreconditioner,
  type Preconditioner,
  type PreconditionerDefinition,
  type PreconditionerFactory,
  type PreconditionerInput,
  type PreconditionerOutput,
} from './preconditioner.js'
export { adagrad, adam, heavyBall, lion, muon, rmsprop, sgd } from './preconditioners/index.js'
export { averagedSlot, changeOutput, type Reduction, type StepGraph } from './record.js'
export {
  composeReport,
  idle,
  initialReport,
  refusal,
  type StepReport,
  type UnitReport,
  type UnitResult,
} from './report.js'
export type { Company } from './roster.js'
export { joinRows, type JoinedRows } from './rows.js'
export { compileScalars, type ScalarProgram } from './scalars.js'
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
} from './schedules.js'
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
} from './transformation.js'
export { isTied, perRateOf, type TiedXi } from './tiedXi.js'
export { parseModelInput } from './scalarAverage.js'
export { rateFree, type RateFreeOptions } from './rateFree.js'
export { fromJSON, type FromJSONOptions } from './fromJSON.js'
export type { ComponentJSON, GroupJSON, TransformationJSON } from './toJSON.js'
export {
  createStepper,
  type ScalarState,
  type UnitNumbers,
  type StepOutcome,
  type Stepper,
} from './stepper.js'
export { createTensorOptimizer, type TensorOptimizer, type TensorParameter } from './tensorOptimizer.js'
export {
  createTensorStep,
  type TensorInfo,
  type TensorResult,
  type TensorState,
  type TensorStep,
} from './tensorStep.js'
