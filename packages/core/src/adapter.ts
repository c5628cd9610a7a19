/**
 * The building blocks of an adapter: how a transformation becomes the steps of a framework.
 *
 * @packageDocumentation
 */
export { createModelOptimizer, type ModelOptimizer } from './arrays/modelOptimizer.js'
export { initialSlots } from './arrays/optimizer.js'
export { joinRows, type JoinedRows } from './arrays/rows.js'
export { checkCheckpoint, checkParameterState } from './checkpoint/bytes.js'
export type { Engine, EngineOptions, Passes, Slots } from './engines/engine.js'
export { createArena } from './engines/wasm/arena.js'
export { instantiateStep } from './engines/wasm/instantiateStep.js'
export type { Allocator, StepKernels, TensorBinding } from './engines/wasm/kernels.js'
export {
  createMemory,
  isShared,
  isWasmMemory,
  isWasmSupported,
  type WasmMemory,
} from './engines/wasm/memory.js'
export type { ElementwiseOp, ScalarOp, BarrierOp, Extent } from './graph/algebra.js'
export { neededNodes, type Graph, type GraphNode } from './graph/graph.js'
export { compileScalars, type ScalarProgram } from './graph/hostScalars.js'
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
export { composeReport, idle, initialReport, refusal, type UnitResult } from './step/report.js'
export { parseModelInput } from './step/scalarAverage.js'
export { averagedSlot, changeOutput, type Reduction, type StepGraph } from './step/stepGraph.js'
export {
  createStepper,
  type ScalarState,
  type UnitNumbers,
  type StepOutcome,
  type Stepper,
} from './step/stepper.js'
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
export type { Company } from './transformation/roster.js'
export { isTied, perRateOf } from './transformation/tiedXi.js'
export { checkTransformation, type GroupSettings } from './transformation/transformation.js'
export { nearestNames } from './validation/nearest.js'
export { checkOptions, type OptionSpec } from './validation/options.js'
