import { compileScalarNodes, type ScalarEvaluator } from '../../graph/hostScalars.js'
import { memoised } from '../../memoised.js'
import type { StepGraph } from '../../step/stepGraph.js'
import type { WasmMemory } from '../engine.js'
import type { Allocator, PassName, Runner } from './binding.js'
import { isNeeded } from './codegen/guards.js'
import { stepTensors, type Stage, type TensorLocation } from './codegen/stages.js'
import type { Program } from './compileStep.js'
import type { LoopArguments } from './loopArguments.js'
import { createMatrixFunctions } from './matrixFunctions.js'
import { createRegisterMemory } from './registerMemory.js'
import { createStageRunner } from './stageRunner.js'

/**
 * Runs a program in which tensors depend on sums or matrix products, or differ in shape: tensor by tensor, stage by stage.
 */
export function createBarrierRunner(
  program: Program,
  memory: WasmMemory,
  allocator: Allocator,
  loopArguments: LoopArguments,
): Runner {
  const { graph, stages, type } = program
  const matrices = createMatrixFunctions(type.name, memory)
  const registerMemory = createRegisterMemory(stages, type, allocator, matrices)
  const runStage = createStageRunner(graph, type, matrices, registerMemory, loopArguments)
  const evaluators = evaluatorsOf(program)
  const scalarSlots = scalarSlotsOf(graph)
  /** By tensor: the values of all scalar nodes, from `reduce` to `update`. */
  const scalarValues: Float64Array[] = []

  return {
    prepare: (bindings) => registerMemory.layOut(bindings),
    run(pass, bindings, scalars, outputs, results) {
      registerMemory.layOut(bindings)
      loopArguments.refresh()
      const elements = loopArguments.elements()
      bindings.forEach((binding, index) => {
        const registers = registerMemory.registersOf(index)
        const values = (scalarValues[index] ??= new Float64Array(graph.nodes.length))
        const addressOf = (location: TensorLocation): number =>
          registerMemory.addressOf(location, binding, registers)
        const tensor = { binding, values, addressOf }
        const given = scalars[index]!
        for (const { name, input } of scalarSlots) given[name] = elements[addressOf(input) / type.bytes]!
        evaluators.get(pass)!(values, given)
        for (const stage of stages[pass]!.stages) {
          if (stage.kind === 'scalars') evaluators.get(stage)!(values, given)
          else if (isNeeded(stage.guard, values)) runStage(stage, tensor)
        }
        for (let i = 0; i < outputs.length; i++) results[i]![index] = values[outputs[i]!]!
        if (pass !== 'update') return
        for (const { output, node } of scalarSlots) elements[addressOf(output) / type.bytes] = values[node]!
      })
    },
    dispose: () => registerMemory.dispose(),
  }
}

/** A slot with one number, which is a scalar of the graph. */
interface ScalarSlot {
  /** The name of its input. */
  readonly name: string
  readonly input: TensorLocation
  readonly output: TensorLocation
  /** The node of its new value. */
  readonly node: number
}

function scalarSlotsOf(graph: StepGraph): ScalarSlot[] {
  const { inputs, outputs } = stepTensors(graph)
  return graph.slots.flatMap((slot) => {
    const name = `slot.${slot}`
    if (graph.slotShapes[slot] !== 'scalar') return []
    const output = inputs.length + outputs.indexOf(name)
    return [{ name, input: inputs.indexOf(name), output, node: graph.outputs[name]! }]
  })
}

/** Evaluators of the scalars before each pass, and of those between its tensors. Engines share them. */
const evaluatorsOf = memoised(
  ({ graph, stages }: Program): ReadonlyMap<PassName | Stage, ScalarEvaluator> => {
    const evaluators = new Map<PassName | Stage, ScalarEvaluator>()
    for (const name of ['norm', 'totals', 'reduce', 'update'] as const) {
      const pass = stages[name] ?? { early: [], stages: [] }
      evaluators.set(name, compileScalarNodes(graph, pass.early))
      for (const stage of pass.stages) {
        if (stage.kind === 'scalars') evaluators.set(stage, compileScalarNodes(graph, stage.nodes))
      }
    }
    return evaluators
  },
)
