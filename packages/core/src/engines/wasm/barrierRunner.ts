import type { Shape } from '../../graph/algebra.js'
import type { Scalars } from '../../graph/hostScalars.js'
import { compileScalarNodes, type ScalarEvaluator } from '../../graph/hostScalars.js'
import type { Allocator, PassName, Runner, TensorBinding } from './kernels.js'
import { createMatrixFunctions, type Matrix, type MatrixFunctions } from './codegen/matmul.js'
import type { Program } from './codegen/program.js'
import type { Operand, Place, Stage } from './codegen/stages.js'
import { isShared, type WasmMemory } from './memory.js'
import type { Workspace } from './loopArguments.js'

/** A block of memory that is replaced by a larger one when it does not do. */
interface Region {
  address: number
  bytes: number
}

/** What is known of the tensor at some place in the list of bindings. */
interface TensorState {
  /** The values of all scalar nodes, from `reduce` to `update`. */
  readonly values: Float64Array
  /** The extents that the rest was computed for. */
  size: number
  rows: number
  columns: number
  /** The place of each register, from the beginning of what there is of its kind for this tensor. */
  readonly offsets: number[]
  keptBytes: number
  scratchBytes: number
  /** Where its registers are that outlast a pass. */
  keptAddress: number
}

/** Runs a program in which tensors hang on sums or matrix products: tensor by tensor, stage by stage. */
export function createStagedRunner(
  { graph, schedule, type }: Program,
  memory: WasmMemory,
  allocator: Allocator,
  workspace: Workspace,
): Runner {
  const states: TensorState[] = []
  const kept: Region = { address: 0, bytes: 0 }
  const scratch: Region = { address: 0, bytes: 0 }
  const packing: Region = { address: 0, bytes: 0 }
  const isKept = schedule.registers.map((_, register) => schedule.kept.includes(register))
  const products = [schedule.reduce, schedule.update].flatMap(({ stages }) =>
    stages.filter((stage) => stage.kind === 'matmul'),
  )
  let matrices: MatrixFunctions | undefined
  /** Of the scalars before a pass, and of those between its tensors. */
  const evaluators = new Map<PassName | Stage, ScalarEvaluator>()
  for (const name of ['norm', 'reduce', 'update'] as const) {
    const { early, stages } = schedule[name] ?? { early: [], stages: [] }
    evaluators.set(name, compileScalarNodes(graph, early))
    for (const stage of stages) {
      if (stage.kind === 'scalars') evaluators.set(stage, compileScalarNodes(graph, stage.nodes))
    }
  }

  const reserve = (region: Region, bytes: number): void => {
    if (region.bytes >= bytes) return
    // In this order: if there is no more memory, what there was is still in use.
    const address = allocator.allocate(bytes)
    if (region.bytes > 0) allocator.release(region.address)
    Object.assign(region, { address, bytes })
  }
  const layRegisters = (state: TensorState, binding: TensorBinding): void => {
    state.keptBytes = state.scratchBytes = 0
    schedule.registers.forEach((shapes, register) => {
      const kind = isKept[register] ? 'keptBytes' : 'scratchBytes'
      const bytes = Math.max(...shapes.map((shape) => elementCount(shape, binding))) * type.bytes
      state.offsets[register] = state[kind]
      state[kind] += Math.ceil(bytes / 64) * 64
    })
  }
  /** Lays the tensors' registers out, those that outlast a pass side by side: any later list of fewer fits as well. */
  const layOut = (bindings: readonly TensorBinding[]): void => {
    let total = 0
    bindings.forEach((binding, index) => {
      const state = (states[index] ??= emptyState(graph.nodes.length))
      const { size, rows, columns } = binding
      if (state.size !== size || state.rows !== rows || state.columns !== columns) {
        layRegisters(state, binding)
        reserve(scratch, state.scratchBytes)
        matrices ??= createMatrixFunctions(type.name, memory, isShared(memory))
        for (const stage of products) {
          reserve(packing, matrices.scratchBytes(...productExtents(stage, binding)))
        }
        Object.assign(state, { size, rows, columns })
      }
      total += state.keptBytes
    })
    reserve(kept, total)
    let address = kept.address
    for (let index = 0; index < bindings.length; index++) {
      states[index]!.keptAddress = address
      address += states[index]!.keptBytes
    }
  }

  const addressOf = (place: Place, { inputs, outputs }: TensorBinding, state: TensorState): number => {
    if (place >= 0) return place < inputs.length ? inputs[place]! : outputs[place - inputs.length]!
    const register = -1 - place
    return state.offsets[register]! + (isKept[register] ? state.keptAddress : scratch.address)
  }
  const matrixOf = (operand: Operand, binding: TensorBinding, state: TensorState): Matrix => {
    const address = addressOf(operand.place, binding, state)
    const columns = columnsOf(operand.shape, binding)
    return operand.transposed
      ? { address, rowStride: 1, columnStride: columns }
      : { address, rowStride: columns, columnStride: 1 }
  }
  const runStage = (stage: Stage, binding: TensorBinding, scalars: Scalars, state: TensorState): void => {
    const { values } = state
    switch (stage.kind) {
      case 'scalars':
        evaluators.get(stage)!(values, scalars)
        return
      case 'loop':
        workspace.setScalars(stage.loop, values)
        workspace.setRow(stage.loop, 0, elementCount(stage.shape, binding))
        for (const place of stage.places) workspace.addAddress(addressOf(place, binding, state))
        workspace.run(stage.loop, 1)
        workspace.getSums(stage.loop, 0, values)
        return
      case 'matmul': {
        const [a, b] = [matrixOf(stage.a, binding, state), matrixOf(stage.b, binding, state)]
        const [p, q, r] = productExtents(stage, binding)
        matrices!.multiply(a, b, addressOf(stage.to, binding, state), p, q, r, packing.address)
        return
      }
      case 'transpose': {
        const [p, q] = [rowsOf(stage.shape, binding), columnsOf(stage.shape, binding)]
        matrices!.transpose(addressOf(stage.from, binding, state), addressOf(stage.to, binding, state), p, q)
      }
    }
  }
  return {
    prepare: layOut,
    run(pass, bindings, scalars, outputs, results) {
      const { stages } = schedule[pass]!
      layOut(bindings)
      workspace.refresh()
      bindings.forEach((binding, index) => {
        const state = states[index]!
        const given = scalars[index]!
        evaluators.get(pass)!(state.values, given)
        for (const stage of stages) runStage(stage, binding, given, state)
        for (let i = 0; i < outputs.length; i++) results[i]![index] = state.values[outputs[i]!]!
      })
    },
    dispose() {
      for (const { address, bytes } of [kept, scratch, packing]) if (bytes > 0) allocator.release(address)
    },
  }
}

function emptyState(nodes: number): TensorState {
  const values = new Float64Array(nodes)
  return { values, size: -1, rows: 0, columns: 0, offsets: [], keptBytes: 0, scratchBytes: 0, keptAddress: 0 }
}

function rowsOf(shape: Shape, { rows, columns }: TensorBinding): number {
  return shape.startsWith('rows') ? rows : columns
}

function columnsOf(shape: Shape, { rows, columns }: TensorBinding): number {
  return shape.endsWith('rows') ? rows : columns
}

function elementCount(shape: Shape, binding: TensorBinding): number {
  return shape === 'tensor' ? binding.size : rowsOf(shape, binding) * columnsOf(shape, binding)
}

/** p, q and r of a product of p × q and q × r. */
function productExtents(
  { a, shape }: Extract<Stage, { kind: 'matmul' }>,
  binding: TensorBinding,
): [number, number, number] {
  const q = (a.transposed ? rowsOf : columnsOf)(a.shape, binding)
  return [rowsOf(shape, binding), q, columnsOf(shape, binding)]
}
