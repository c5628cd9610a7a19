import type { Graph } from '../../graph/graph.js'
import type { TensorBinding } from './binding.js'
import type {
  HostedStage,
  LoopStage,
  MatmulOperand,
  MatmulStage,
  Stage,
  TensorLocation,
} from './codegen/stages.js'
import type { VectorType } from './codegen/vectors.js'
import { columnsOf, elementCount, productExtents, rowsOf } from './extents.js'
import { runHostedStage } from './hostedStages.js'
import { addLineWords } from './lineLoops.js'
import type { LoopArguments } from './loopArguments.js'
import type { Matrix, MatrixFunctions } from './matrixFunctions.js'
import type { RegisterMemory } from './registerMemory.js'

/** A tensor that is being worked: where its tensors are, and the values of scalar nodes. */
export interface WorkedTensor {
  readonly binding: TensorBinding
  readonly values: Float64Array
  readonly addressOf: (location: TensorLocation) => number
}

/** Runs a stage that works on tensors. */
export type StageRunner = (stage: Exclude<Stage, { kind: 'scalars' }>, tensor: WorkedTensor) => void

/** Prepares the stages of a program. */
export function createStageRunner(
  graph: Graph,
  type: VectorType,
  matrices: MatrixFunctions,
  registerMemory: RegisterMemory,
  loopArguments: LoopArguments,
): StageRunner {
  const runLoop = (
    { loop, shape, locations }: LoopStage,
    { binding, values, addressOf }: WorkedTensor,
  ): void => {
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
  const multiply = (stage: MatmulStage, { binding, addressOf }: WorkedTensor): void => {
    const matrixOf = ({ location, shape, transposed }: MatmulOperand): Matrix => {
      const address = addressOf(location)
      const columns = columnsOf(shape, binding)
      return transposed
        ? { address, rowStride: 1, columnStride: columns }
        : { address, rowStride: columns, columnStride: 1 }
    }
    const [p, q, r] = productExtents(stage, binding)
    const packing = registerMemory.packingAddress()
    matrices.multiply(matrixOf(stage.a), matrixOf(stage.b), addressOf(stage.to), p, q, r, packing)
  }
  const runHosted = (stage: HostedStage, { binding, values, addressOf }: WorkedTensor): void => {
    const indexOf = (location: TensorLocation): number => addressOf(location) / type.bytes
    runHostedStage(graph, stage, binding, loopArguments.elements(), indexOf, values)
  }
  return (stage, tensor) => {
    switch (stage.kind) {
      case 'loop':
        runLoop(stage, tensor)
        return
      case 'matmul':
        multiply(stage, tensor)
        return
      case 'transpose': {
        const { binding, addressOf } = tensor
        const [p, q] = [rowsOf(stage.shape, binding), columnsOf(stage.shape, binding)]
        matrices.transpose(addressOf(stage.from), addressOf(stage.to), p, q)
        return
      }
      case 'hosted':
        runHosted(stage, tensor)
    }
  }
}
