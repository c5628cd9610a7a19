import { compileScalarNodes, type ScalarEvaluator, type Scalars } from '../../graph/hostScalars.js'
import type { WasmMemory } from '../engine.js'
import type { Allocator, PassName, Runner, TensorBinding } from './binding.js'
import type { MatmulOperand, Stage } from './codegen/stages.js'
import type { Program } from './compileStep.js'
import { columnsOf, elementCount, productExtents, rowsOf } from './extents.js'
import type { LoopArguments } from './loopArguments.js'
import { createMatrixFunctions, type Matrix } from './matrixFunctions.js'
import { createRegisterMemory, type TensorRegisters } from './registerMemory.js'

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
  /** By tensor: the values of all scalar nodes, from `reduce` to `update`. */
  const scalarValues: Float64Array[] = []

  const matrixOf = (
    { location, shape, transposed }: MatmulOperand,
    binding: TensorBinding,
    registers: TensorRegisters,
  ): Matrix => {
    const address = registerMemory.addressOf(location, binding, registers)
    const columns = columnsOf(shape, binding)
    return transposed
      ? { address, rowStride: 1, columnStride: columns }
      : { address, rowStride: columns, columnStride: 1 }
  }
  const runStage = (
    stage: Stage,
    binding: TensorBinding,
    scalars: Scalars,
    values: Float64Array,
    registers: TensorRegisters,
  ): void => {
    switch (stage.kind) {
      case 'scalars':
        evaluators.get(stage)!(values, scalars)
        return
      case 'loop':
        loopArguments.setScalars(stage.loop, values)
        loopArguments.setRow(stage.loop, 0, elementCount(stage.shape, binding))
        for (const location of stage.locations) {
          loopArguments.addAddress(registerMemory.addressOf(location, binding, registers))
        }
        loopArguments.run(stage.loop, 1)
        loopArguments.getSums(stage.loop, 0, values)
        return
      case 'matmul': {
        const [a, b] = [matrixOf(stage.a, binding, registers), matrixOf(stage.b, binding, registers)]
        const [p, q, r] = productExtents(stage, binding)
        const to = registerMemory.addressOf(stage.to, binding, registers)
        matrices.multiply(a, b, to, p, q, r, registerMemory.packingAddress())
        return
      }
      case 'transpose': {
        const [p, q] = [rowsOf(stage.shape, binding), columnsOf(stage.shape, binding)]
        const from = registerMemory.addressOf(stage.from, binding, registers)
        matrices.transpose(from, registerMemory.addressOf(stage.to, binding, registers), p, q)
      }
    }
  }
  return {
    prepare: (bindings) => registerMemory.layOut(bindings),
    run(pass, bindings, scalars, outputs, results) {
      registerMemory.layOut(bindings)
      loopArguments.refresh()
      bindings.forEach((binding, index) => {
        const registers = registerMemory.registersOf(index)
        const values = (scalarValues[index] ??= new Float64Array(graph.nodes.length))
        const given = scalars[index]!
        evaluators.get(pass)!(values, given)
        for (const stage of stages[pass]!.stages) runStage(stage, binding, given, values, registers)
        for (let i = 0; i < outputs.length; i++) results[i]![index] = values[outputs[i]!]!
      })
    },
    dispose: () => registerMemory.dispose(),
  }
}

/** Evaluators of the scalars before each pass, and of those between its tensors. */
function compileScalars({ graph, stages }: Program): ReadonlyMap<PassName | Stage, ScalarEvaluator> {
  const evaluators = new Map<PassName | Stage, ScalarEvaluator>()
  for (const name of ['norm', 'reduce', 'update'] as const) {
    const pass = stages[name] ?? { early: [], stages: [] }
    evaluators.set(name, compileScalarNodes(graph, pass.early))
    for (const stage of pass.stages) {
      if (stage.kind === 'scalars') evaluators.set(stage, compileScalarNodes(graph, stage.nodes))
    }
  }
  return evaluators
}
