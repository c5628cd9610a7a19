import type { Shape } from '../../algebra.js'
import { evaluateScalarNode } from '../../scalars.js'
import type { Scalars } from '../../plan.js'
import type { TypedArray } from '../engine.js'
import { rowWords, tableHeader, type Loop } from './loop.js'
import { createMatrixFunctions, type Matrix, type MatrixFunctions } from './matrix.js'
import type { Program } from './program.js'
import type { Operand, Pass, Place, Stage } from './schedule.js'
import { instantiate, isShared, type WasmFunction, type WasmMemory } from './webassembly.js'

/** A tensor's place in the memory: byte addresses, which need no alignment. Reuse the object from step to step. */
export interface TensorBinding {
  /** Number of elements. */
  size: number
  /** Extents of a matrix; for other tensors they do not matter. */
  rows: number
  columns: number
  /** Where the gradient, the parameter and the slots (in the graph's order) are read. */
  readonly inputs: number[]
  /** Where the parameter and the slots (in the graph's order) are written: the same addresses, or others. */
  readonly outputs: number[]
}

/** Gives out parts of a memory. */
export interface Allocator {
  /** The address of so many bytes, a multiple of 8. The memory may grow. */
  allocate(bytes: number): number
  release(address: number): void
}

/** The passes of a step's program over tensors in a memory. `scalars` runs parallel to `bindings`. */
export interface StepKernels {
  /** Allocates all that steps over these tensors need, so that no step has to. */
  prepare(bindings: readonly TensorBinding[]): void
  /** Σ g² of each gradient; where the graph clips. */
  norm(bindings: readonly TensorBinding[], scalars: readonly Scalars[], results: Float64Array): void
  /** Each tensor's part of the dual norm. */
  reduce(bindings: readonly TensorBinding[], scalars: readonly Scalars[], results: Float64Array): void
  /** Writes parameters and slots; after `reduce`, with the same bindings. */
  update(bindings: readonly TensorBinding[], scalars: readonly Scalars[]): void
  /** Gives the memory back that the kernels work in. */
  dispose(): void
}

/** Tensors per call of a loop. */
const batch = 64

/** What a staged step keeps of a tensor from `reduce` to `update`. */
interface TensorState {
  readonly values: Float64Array
  /** Address of the kept registers, and their size. */
  address: number
  bytes: number
}

interface LoopWork {
  readonly loop: Loop
  readonly words: number
  readonly run: WasmFunction
  readonly runWide: WasmFunction | undefined
}

/** Sets a program up on a memory. */
export function createKernels(program: Program, memory: WasmMemory, allocator: Allocator): StepKernels {
  const { graph, schedule, type } = program
  const { nodes } = graph
  const exports = instantiate(program.module, memory)
  const loops = new Map<Loop, LoopWork>()
  for (const [loop, { name, wide }] of program.functions) {
    loops.set(loop, {
      loop,
      words: rowWords(loop),
      run: exports[name]!,
      runWide: wide === undefined ? undefined : exports[wide]!,
    })
  }

  // Working memory: the sums of a batch, one set of scalars, the table.
  const most = (count: (loop: Loop) => number): number => Math.max(0, ...[...loops.keys()].map(count))
  const sumBytes = 8 * most((loop) => loop.sums.length)
  const scalarBytes = 8 * most((loop) => loop.scalars.length)
  const workspace = allocator.allocate(batch * sumBytes + scalarBytes + 4 * batch * most(rowWords))
  const scalarAddress = workspace + batch * sumBytes
  const tableAddress = scalarAddress + scalarBytes

  let buffer: ArrayBufferLike | undefined
  let words: Uint32Array = new Uint32Array(0)
  let doubles: Float64Array = new Float64Array(0)
  let elements: TypedArray = doubles
  /** The memory's buffer is another one after it has grown. */
  const refresh = (): void => {
    if (memory.buffer === buffer) return
    buffer = memory.buffer
    words = new Uint32Array(buffer)
    doubles = new Float64Array(buffer)
    elements = type.bytes === 4 ? new Float32Array(buffer) : doubles
  }

  const writeScalars = (loop: Loop, values: Float64Array): void => {
    const start = scalarAddress / type.bytes
    for (let i = 0; i < loop.scalars.length; i++) elements[start + i] = values[loop.scalars[i]!]!
  }
  const writeRow = (row: number, work: LoopWork, size: number): number => {
    const at = tableAddress / 4 + row * work.words
    words[at + tableHeader.count] = size
    words[at + tableHeader.scalars] = scalarAddress
    words[at + tableHeader.sums] = workspace + row * sumBytes
    return at + tableHeader.addresses
  }
  /** Takes a row's sums over, added up in double precision throughout where the quick sum has overflowed. */
  const readSums = (row: number, work: LoopWork, values: Float64Array): void => {
    const { sums } = work.loop
    const at = workspace / 8 + row * (sumBytes / 8)
    if (work.runWide) {
      for (let i = 0; i < sums.length; i++) {
        if (Number.isFinite(doubles[at + i]!)) continue
        work.runWide(tableAddress + 4 * row * work.words, 1)
        break
      }
    }
    for (let i = 0; i < sums.length; i++) values[sums[i]!] = doubles[at + i]!
  }

  const values = new Float64Array(nodes.length)
  const passes = schedule.staged ? undefined : { ...mapPasses(schedule, flatten) }
  function flatten({ early, stages }: Pass): FlatPass {
    const stage = stages.find((stage) => stage.kind === 'loop')!
    const late = stages.flatMap((stage) => (stage.kind === 'scalars' ? stage.nodes : []))
    return { early, late, places: stage.places, work: loops.get(stage.loop)! }
  }

  /** A pass that is one loop, over as many tensors at once as share their scalars. */
  const runFlat = (
    { early, late, places, work }: FlatPass,
    output: number,
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    results: Float64Array | undefined,
  ): void => {
    const count = bindings.length
    const { loads, stores } = work.loop
    for (let start = 0; start < count;) {
      const given = scalars[start]!
      for (let i = 0; i < early.length; i++) evaluateScalarNode(graph, early[i]!, values, given)
      writeScalars(work.loop, values)
      let rows = 0
      while (rows < batch && start + rows < count && scalars[start + rows] === given) {
        const { size, inputs, outputs } = bindings[start + rows]!
        let at = writeRow(rows, work, size)
        for (let i = 0; i < loads.length; i++) words[at++] = inputs[places[i]!]!
        for (let i = 0; i < stores.length; i++)
          words[at++] = outputs[places[loads.length + i]! - inputs.length]!
        rows++
      }
      work.run(tableAddress, rows)
      if (results) {
        for (let row = 0; row < rows; row++) {
          readSums(row, work, values)
          for (let i = 0; i < late.length; i++) evaluateScalarNode(graph, late[i]!, values, given)
          results[start + row] = values[output]!
        }
      }
      start += rows
    }
  }

  // The rest serves steps in which tensors hang on sums or matrix products.
  const states = new Map<TensorBinding, TensorState>()
  let matrices: MatrixFunctions | undefined
  const scratch = { address: 0, bytes: 0 }
  const packing = { address: 0, bytes: 0 }
  const reserve = (region: { address: number; bytes: number }, bytes: number): void => {
    if (region.bytes >= bytes) return
    if (region.bytes > 0) allocator.release(region.address)
    region.address = allocator.allocate(bytes)
    region.bytes = bytes
  }
  const registers = new Float64Array(schedule.registers.length)
  const layRegisters = (binding: TensorBinding): TensorState => {
    let state = states.get(binding)
    if (!state)
      states.set(binding, (state = { values: new Float64Array(nodes.length), address: 0, bytes: 0 }))
    let keptBytes = 0
    let freeBytes = 0
    schedule.registers.forEach((shapes, register) => {
      const bytes = Math.max(...shapes.map((shape) => elementCount(shape, binding))) * type.bytes
      const aligned = Math.ceil(bytes / 64) * 64
      const isKept = schedule.kept.includes(register)
      registers[register] = isKept ? keptBytes : freeBytes
      if (isKept) keptBytes += aligned
      else freeBytes += aligned
    })
    reserve(state, keptBytes)
    reserve(scratch, freeBytes)
    for (let register = 0; register < registers.length; register++) {
      registers[register]! += schedule.kept.includes(register) ? state.address : scratch.address
    }
    return state
  }
  const addressOf = (place: Place, { inputs, outputs }: TensorBinding): number => {
    if (place < 0) return registers[-1 - place]!
    return place < inputs.length ? inputs[place]! : outputs[place - inputs.length]!
  }
  const reserveForProducts = (binding: TensorBinding): void => {
    for (const { stages } of [schedule.reduce, schedule.update]) {
      for (const stage of stages) {
        if (stage.kind !== 'matmul' && stage.kind !== 'transpose') continue
        matrices ??= createMatrixFunctions(type.name, memory, isShared(memory))
        if (stage.kind === 'matmul')
          reserve(packing, matrices.scratchBytes(...productExtents(stage, binding)))
      }
    }
  }
  const matrixOf = ({ place, shape, transposed }: Operand, binding: TensorBinding): Matrix => {
    const columns = extentsOf(shape, binding)[1]
    const [rowStride, columnStride] = transposed ? [1, columns] : [columns, 1]
    return { address: addressOf(place, binding), rowStride, columnStride }
  }
  const runStage = (stage: Stage, binding: TensorBinding, scalars: Scalars, values: Float64Array): void => {
    switch (stage.kind) {
      case 'scalars':
        for (const node of stage.nodes) evaluateScalarNode(graph, node, values, scalars)
        return
      case 'loop': {
        const work = loops.get(stage.loop)!
        writeScalars(stage.loop, values)
        let at = writeRow(0, work, elementCount(stage.shape, binding))
        for (const place of stage.places) words[at++] = addressOf(place, binding)
        work.run(tableAddress, 1)
        readSums(0, work, values)
        return
      }
      case 'matmul': {
        const [a, b] = [matrixOf(stage.a, binding), matrixOf(stage.b, binding)]
        matrices!.multiply(
          a,
          b,
          addressOf(stage.to, binding),
          ...productExtents(stage, binding),
          packing.address,
        )
        return
      }
      case 'transpose': {
        const [p, q] = extentsOf(stage.shape, binding)
        matrices!.transpose(addressOf(stage.from, binding), addressOf(stage.to, binding), p, q)
      }
    }
  }
  const runStaged = (
    { early, stages }: Pass,
    output: number,
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    results: Float64Array | undefined,
  ): void => {
    bindings.forEach((binding, index) => {
      const { values } = layRegisters(binding)
      reserveForProducts(binding)
      refresh()
      for (const node of early) evaluateScalarNode(graph, node, values, scalars[index]!)
      for (const stage of stages) runStage(stage, binding, scalars[index]!, values)
      if (results) results[index] = values[output]!
    })
  }

  const run = (
    name: 'norm' | 'reduce' | 'update',
    output: string | undefined,
    bindings: readonly TensorBinding[],
    scalars: readonly Scalars[],
    results: Float64Array | undefined,
  ): void => {
    refresh()
    const node = output === undefined ? -1 : graph.outputs[output]!
    if (passes) runFlat(passes[name]!, node, bindings, scalars, results)
    else runStaged(schedule[name]!, node, bindings, scalars, results)
  }
  return {
    prepare(bindings) {
      if (!schedule.staged) return
      for (const binding of bindings) {
        layRegisters(binding)
        reserveForProducts(binding)
      }
    },
    norm: (bindings, scalars, results) => run('norm', 'norm', bindings, scalars, results),
    reduce: (bindings, scalars, results) => run('reduce', 'dual', bindings, scalars, results),
    update: (bindings, scalars) => run('update', undefined, bindings, scalars, undefined),
    dispose() {
      allocator.release(workspace)
      for (const { address, bytes } of [scratch, packing, ...states.values()])
        if (bytes > 0) allocator.release(address)
      states.clear()
    },
  }
}

/** A pass of one loop. */
interface FlatPass {
  readonly early: readonly number[]
  readonly late: readonly number[]
  readonly places: readonly Place[]
  readonly work: LoopWork
}

function mapPasses<T>(
  { norm, reduce, update }: { norm?: Pass; reduce: Pass; update: Pass },
  map: (pass: Pass) => T,
): { norm: T | undefined; reduce: T; update: T } {
  return { norm: norm && map(norm), reduce: map(reduce), update: map(update) }
}

function extentsOf(shape: Shape, { rows, columns }: TensorBinding): [number, number] {
  const [p, q] = shape.split(',')
  return [p === 'rows' ? rows : columns, q === 'rows' ? rows : columns]
}

/** p, q and r of a product of p × q and q × r. */
function productExtents(
  { a, shape }: Extract<Stage, { kind: 'matmul' }>,
  binding: TensorBinding,
): [number, number, number] {
  const [p, r] = extentsOf(shape, binding)
  const [rows, columns] = extentsOf(a.shape, binding)
  return [p, a.transposed ? rows : columns, r]
}

function elementCount(shape: Shape, binding: TensorBinding): number {
  if (shape === 'tensor') return binding.size
  const [p, q] = extentsOf(shape, binding)
  return p * q
}
