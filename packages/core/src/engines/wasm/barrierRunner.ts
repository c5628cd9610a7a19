import { compileScalarNodes, type ScalarEvaluator, type Scalars } from '../../graph/hostScalars.js'
import type { StepGraph } from '../../step/stepGraph.js'
import type { WasmMemory } from '../engine.js'
import type { Allocator, PassName, Runner, TensorBinding } from './binding.js'
import type { LoopStage, MatmulOperand, Stage, TensorLocation } from './codegen/stages.js'
import { stepTensors } from './codegen/stages.js'
import type { Program } from './compileStep.js'
import { columnsOf, elementCount, productExtents, rowsOf } from './extents.js'
import { runHostedStage } from './hostedStages.js'
import { addLineWords } from './lineLoops.js'
import type { LoopArguments } from './loopArguments.js'
import { createMatrixFunctions, type Matrix } from './matrixFunctions.js'
import { createRegisterMemory } from './registerMemory.js'

/** Runs a program in which tensors depend on sums or matrix products: tensor by tensor, stage by stage. */
export function createBarrierRunner(
  program: Program,
  memory: WasmMemory,
  allocator: Allocator,
  loopArguments: LoopArguments,
): Runner {
  const { graph, stages, type } = program
  const matrices = createMatrixFunctions(type.name, memory)
  const registerMemory = createRegisterMemory(stages, type, allocator, matrices)
  const evaluators = compileScalars(program)
  const scalarSlots = scalarSlotsOf(graph)
  /** By tensor: the values of all scalar nodes, from `reduce` to `update`. */
  const scalarValues: Float64Array[] = []

  /** The tensor that is being worked: where its tensors are, and the values of its scalars. */
  let binding: TensorBinding
  let values: Float64Array
  let addressOf: (location: TensorLocation) => number

  const matrixOf = ({ location, shape, transposed }: MatmulOperand): Matrix => {
    const address = addressOf(location)
    const columns = columnsOf(shape, binding)
    return transposed
      ? { address, rowStride: 1, columnStride: columns }
      : { address, rowStride: columns, columnStride: 1 }
  }
  const runLoop = ({ loop, shape, locations }: LoopStage): void => {
    const { lines } = loop
    loopArguments.setScalars(loop, values)
    loopArguments.setRow(loop, 0, lines ? columnsOf(shape, binding) : elementCount(shape, binding))
    const flat = loop.loads.length + loop.stores.length
    for (let i = 0; i < flat; i++) loopArguments.addWord(addressOf(locations[i]!))
    const finish =
      lines &&
      addLineWords(graph, lines, loopArguments, {
        lines: rowsOf(shape, binding),
        length: columnsOf(shape, binding),
        addresses: locations.slice(flat).map(addressOf),
        sumsAddress: registerMemory.sumsAddress(),
      })
    loopArguments.run(loop, 1)
    finish?.()
    loopArguments.getSums(loop, 0, values)
  }
  const runStage = (stage: Stage, scalars: Scalars): void => {
    switch (stage.kind) {
      case 'scalars':
        evaluators.get(stage)!(values, scalars)
        return
      case 'loop':
        runLoop(stage)
        return
      case 'matmul': {
        const [a, b] = [matrixOf(stage.a), matrixOf(stage.b)]
        const [p, q, r] = productExtents(stage, binding)
        matrices.multiply(a, b, addressOf(stage.to), p, q, r, registerMemory.packingAddress())
        return
      }
      case 'transpose': {
        const [p, q] = [rowsOf(stage.shape, binding), columnsOf(stage.shape, binding)]
        matrices.transpose(addressOf(stage.from), addressOf(stage.to), p, q)
        return
      }
      case 'hosted': {
        const indexOf = (location: TensorLocation): number => addressOf(location) / type.bytes
        runHostedStage(graph, stage, binding, loopArguments.elements(), indexOf, values)
      }
    }
  }
  const isNeeded = ({ guard }: Stage): boolean =>
    guard === undefined || guard.some((condition) => values[condition]! > 0)
  return {
    prepare: (bindings) => registerMemory.layOut(bindings),
    run(pass, bindings, scalars, outputs, results) {
      registerMemory.layOut(bindings)
      loopArguments.refresh()
      bindings.forEach((current, index) => {
        const registers = registerMemory.registersOf(index)
        const given = scalars[index]!
        binding = current
        values = scalarValues[index] ??= new Float64Array(graph.nodes.length)
        addressOf = (location) => registerMemory.addressOf(location, current, registers)
        for (const { name, input } of scalarSlots) {
          given[name] = loopArguments.elements()[addressOf(input) / type.bytes]!
        }
        evaluators.get(pass)!(values, given)
        for (const stage of stages[pass]!.stages) if (isNeeded(stage)) runStage(stage, given)
        for (let i = 0; i < outputs.length; i++) results[i]![index] = values[outputs[i]!]!
        if (pass !== 'update') return
        for (const { output, node } of scalarSlots) {
          loopArguments.elements()[addressOf(output) / type.bytes] = values[node]!
        }
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

/** Evaluators of the scalars before each pass, and of those between its tensors. */
function compileScalars({ graph, stages }: Program): ReadonlyMap<PassName | Stage, ScalarEvaluator> {
  const evaluators = new Map<PassName | Stage, ScalarEvaluator>()
  for (const name of ['norm', 'totals', 'reduce', 'update'] as const) {
    const pass = stages[name] ?? { early: [], stages: [] }
    evaluators.set(name, compileScalarNodes(graph, pass.early))
    for (const stage of pass.stages) {
      if (stage.kind === 'scalars') evaluators.set(stage, compileScalarNodes(graph, stage.nodes))
    }
  }
  return evaluators
}
