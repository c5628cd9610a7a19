/**
 * The building blocks of an adapter: how a transformation becomes the steps of a framework.
 *
 * @packageDocumentation
 */
export type { AdoptableParameter } from './arrays/adoption.js'
export type { AdoptableModel } from './arrays/follower.js'
export { findModelRate } from './arrays/findModelRate.js'
export { createModelOptimizer, type ModelOptimizer } from './arrays/modelOptimizer.js'
export { joinRows, separateRows, type JoinedRows } from './arrays/rows.js'
export type { Slots } from './dtype.js'
export type { WasmMemory } from './engines/engine.js'
export type { Allocator } from './engines/wasm/binding.js'
export type { GpuBuffer, GpuDevice } from './engines/webgpu/device.js'
export { isWasmSupported } from './engines/wasm/featureProbe.js'
export { isWasmMemory } from './engines/wasm/memory.js'
export {
  bufferUsage,
  type GpuEncoder,
  type GpuPass,
  type GpuPipeline,
  type GpuQueue,
} from './engines/webgpu/device.js'
export { checkDeviceAlive, watchDevice } from './engines/webgpu/lostDevices.js'
export { readBack, type Range as BufferRange } from './engines/webgpu/readBack.js'
export {
  checkpointError,
  disposedError,
  isList,
  optionError,
  shapeError,
  show,
  unsupported,
} from './errors.js'
export type {
  BarrierOp,
  ConditionOp,
  ElementwiseOp,
  Extent,
  HostMatrixOp,
  LeafOp,
  ReductionOp,
  ScalarOp,
} from './graph/algebra.js'
export type { Graph, GraphNode } from './graph/graph.js'
export type { Scalars } from './graph/hostScalars.js'
export { createModelPerExample, RowCollector, type ModelPerExample } from './perExample/modelPerExample.js'
export { sizeOf } from './shape.js'
export { parseModelInput } from './step/baseAverage.js'
export { accumulatedSlot } from './step/accumulation.js'
export type { ClipUnit } from './step/clipUnits.js'
export { initialSlots, slotShape, type InitialSlot, type InitialSlots } from './step/initialSlots.js'
export { stepStatus, type MetricChange, type MetricGraph, type MetricSum } from './step/metricGraph.js'
export type { Passes } from './step/passes.js'
export {
  planStep,
  type MetricUnit,
  type PlannedParameter,
  type Profile,
  type StepPlan,
  type UnitChange,
  type UnitSum,
} from './step/plan.js'
export type { SharedGraph } from './step/sharedGraph.js'
export { refusal, type StepOutcome, type UnitResult } from './step/report.js'
export {
  profileEntries,
  profileScalars,
  tiedRateInputs,
  unitEntries,
  unitScalars,
  type ScalarEntry,
} from './step/scalarInputs.js'
export {
  initialProfile,
  type ProfileNumbers,
  type ScalarState,
  type UnitNumbers,
} from './step/scalarState.js'
export type { Reduction, StepGraph } from './step/stepGraph.js'
export { checkLearningRate } from './step/learningRate.js'
export { createStepper, type Stepper } from './step/stepper.js'
export type { Lowering, TensorBackend } from './tensors/backend.js'
export type { DeferredInputs } from './tensors/deferredInputs.js'
export type { DeferredProfile } from './tensors/deferredProfile.js'
export {
  createDeferredStep,
  type DeferredBackend,
  type DeferredStep,
  type DeferredUnit,
} from './tensors/deferredStep.js'
export { createFunctions, type FunctionParts, type MadeFunctions } from './tensors/functions.js'
export { withHostNumbers } from './tensors/hostNumbers.js'
export { createTensorOptimizer, type TensorOptimizer, type TensorParameter } from './tensors/optimizer.js'
export type { ShaderProgram, ShaderRunner } from './tensors/fused/shaders.js'
export type { TensorState } from './tensors/state.js'
export type { TracedBackend } from './tensors/tracedStep.js'
export { leavesOf, valuesFor, withLeaves } from './tensors/trees.js'
export { createTreeStep, type TreeState, type TreeStep } from './tensors/treeStep.js'
export { createTensorStep } from './tensors/plannedStep.js'
export type { TensorInfo, TensorResult, TensorStep } from './tensors/step.js'
export { checkTraining } from './transformation/findLearningRate.js'
export { withGroups, type GroupOf } from './transformation/groups.js'
export type { RestOfModel } from './transformation/namesInOptions.js'
export { isTied, perRateOf } from './transformation/tiedXi.js'
export { checkTransformation } from './transformation/transformation.js'
export type { GroupSettings } from './transformation/types.js'
export type { VariableBackend, VariableGradient, VariableInfo } from './variables/backend.js'
export { createCopyMemory, type TensorMemory } from './variables/memory.js'
export { stepEngineNames, type StepEngineName } from './variables/places.js'
export type { TensorDevice } from './variables/tensorDevice.js'
export { VariableOptimizer, type VariableOptimizerOptions } from './variables/optimizer.js'
export { nearestNames } from './validation/nearest.js'
export { checkOptions, type OptionSpec } from './validation/options.js'
