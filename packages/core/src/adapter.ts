/**
 * The building blocks of an adapter: how a transformation becomes the steps of a framework.
 *
 * @packageDocumentation
 */
export { createModelOptimizer, type ModelOptimizer } from './arrays/modelOptimizer.js'
export { initialSlots } from './step/initialSlots.js'
export { joinRows, type JoinedRows } from './arrays/rows.js'
export { checkCheckpoint, checkParameterState, composeCheckpoint } from './checkpoint/checkpoint.js'
export type { Engine, EngineOptions } from './engines/engine.js'
export type { Passes } from './step/passes.js'
export type { Slots } from './dtype.js'
export {
  checkpointError,
  disposedError,
  isList,
  optionError,
  shapeError,
  show,
  unsupported,
} from './errors.js'
export { createArena } from './engines/wasm/arena.js'
export { instantiateStep } from './engines/wasm/instantiateStep.js'
export type { Allocator, StepKernels, TensorBinding } from './engines/wasm/kernels.js'
export { createMemory, isWasmMemory, isWasmSupported, type WasmMemory } from './engines/wasm/memory.js'
export type { ElementwiseOp, ScalarOp, BarrierOp, Extent } from './graph/algebra.js'
export type { Graph, GraphNode } from './graph/graph.js'
export { raiseEpsilons, type RaisedPlan } from './step/epsilons.js'
export { checkLearningRate, learningRateAt, withLearningRate } from './step/learningRate.js'
export {
  clipGraph,
  lossCount,
  stepStatus,
  type MetricChange,
  type MetricGraph,
  type MetricSum,
} from './step/metricGraph.js'
export {
  planStep,
  type ClipUnit,
  type MetricUnit,
  type PlannedParameter,
  type Profile,
  type StepPlan,
  type UnitChange,
  type UnitSum,
} from './step/plan.js'
export {
  profileEntries,
  profileScalars,
  unitEntries,
  unitScalars,
  type ScalarEntry,
} from './step/scalarInputs.js'
export { sizeOf } from './shape.js'
export type { Scalars } from './graph/hostScalars.js'
export { composeReport, initialReport, refusal, type StepOutcome, type UnitResult } from './step/report.js'
export { parseModelInput } from './step/baseAverage.js'
export { averagedSlot, changeOutput, type Reduction, type StepGraph } from './step/stepGraph.js'
export type { ScalarState, UnitNumbers } from './step/scalarState.js'
export { createStepper, type Stepper } from './step/stepper.js'
export { checkOwnValues, withValues } from './step/withValues.js'
export type { Lowering, TensorBackend } from './tensors/evaluate.js'
export { createTensorOptimizer, type TensorOptimizer, type TensorParameter } from './tensors/optimizer.js'
export {
  createTensorStep,
  type TensorInfo,
  type TensorResult,
  type TensorState,
  type TensorStep,
} from './tensors/step.js'
export { withGroups, type GroupOf } from './transformation/groups.js'
export type { RestOfModel } from './transformation/namesInOptions.js'
export { isTied, perRateOf } from './transformation/tiedXi.js'
export { checkTransformation } from './transformation/transformation.js'
export type { GroupSettings } from './transformation/types.js'
export { nearestNames } from './validation/nearest.js'
export { checkOptions, type OptionSpec } from './validation/options.js'
