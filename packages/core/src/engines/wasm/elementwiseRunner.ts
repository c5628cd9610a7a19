import type { Graph } from '../../graph/graph.js'
import { compileScalarNodes, type ScalarEvaluator } from '../../graph/hostScalars.js'
import { memoised } from '../../memoised.js'
import type { PassName, Runner, TensorBinding } from './binding.js'
import type { LoopStage, PassStages } from './codegen/stages.js'
import type { Program } from './compileStep.js'
import { mostRows, type LoopArguments } from './loopArguments.js'
import type { ParallelLoops } from './threads/host.js'

/** A pass that is one loop, with scalars before it and after it. */
interface ElementwisePass {
  readonly early: ScalarEvaluator
  readonly stage: LoopStage
  readonly late: ScalarEvaluator
}

/** The number of elements from which a second thread is worth its coordination. */
const manyElements = 1_000_000

/** Elements of a part of a tensor, for two threads that take one part at a time. */
const partElements = 1 << 16

/**
 * Runs a program whose passes are one loop each, over as many tensors at once as share their scalars.
 *
 * @param parallel runs loops on two threads, for many elements. Each tensor's sums are then those of its parts,
 *   whichever thread takes them
 */
export function createElementwiseRunner(
  program: Program,
  loopArguments: LoopArguments,
  parallel?: ParallelLoops,
): Runner {
  // Prepared by the first pass: an engine whose steps are one call runs none.
  let prepared: { values: Float64Array; tensorLoop: TensorLoop } | undefined
  const passes: { [name in PassName]?: ElementwisePass } = {}
  return {
    prepare() {},
    run(name, bindings, scalars, outputs, results) {
      loopArguments.refresh()
      prepared ??= {
        values: new Float64Array(program.graph.nodes.length),
        tensorLoop: createTensorLoop(loopArguments),
      }
      const { values, tensorLoop } = prepared
      const { early, late, stage } = (passes[name] ??= passOf(program, name))
      const { sums } = stage.loop
      let start = 0
      while (start < bindings.length) {
        const given = scalars[start]!
        early(values, given)
        loopArguments.setScalars(stage.loop, values)
        let end = start
        let elements = 0
        for (; end < bindings.length && scalars[end] === given; end++) elements += bindings[end]!.size
        const totals = tensorLoop(stage, bindings, start, end, elements < manyElements ? undefined : parallel)
        if (outputs.length > 0) {
          for (let index = start; index < end; index++) {
            const at = (index - start) * sums.length
            for (let i = 0; i < sums.length; i++) values[sums[i]!] = totals[at + i]!
            late(values, given)
            for (let i = 0; i < outputs.length; i++) results[i]![index] = values[outputs[i]!]!
          }
        }
        start = end
      }
    },
    dispose: () => parallel?.dispose(),
  }
}

/**
 * Runs a loop over the tensors from `start` to `end`.
 *
 * @returns the sums of each tensor, one after the other; until the next call
 */
type TensorLoop = (
  stage: LoopStage,
  bindings: readonly TensorBinding[],
  start: number,
  end: number,
  parallel: ParallelLoops | undefined,
) => Float64Array

function createTensorLoop(loopArguments: LoopArguments): TensorLoop {
  const { elementBytes } = loopArguments
  let totals = new Float64Array(0)
  /** By row of the table: the index in `totals` of its sums. */
  const sumsOf = new Uint32Array(mostRows)

  return ({ loop, locations }, bindings, start, end, parallel) => {
    // Parts have sums of their own, which changes the order of addition. On one thread a tensor is not divided.
    const partSize = parallel ? partElements : Infinity
    const { loads, stores, sums } = loop
    if (totals.length < (end - start) * sums.length) totals = new Float64Array((end - start) * sums.length)
    totals.fill(0)
    let rows = 0
    const flush = (): void => {
      if (parallel) loopArguments.runParallel(parallel, loop, rows)
      else loopArguments.run(loop, rows)
      for (let row = 0; row < rows; row++) loopArguments.addSums(loop, row, totals, sumsOf[row]!)
      rows = 0
    }
    for (let tensor = 0; tensor < end - start; tensor++) {
      const { size, inputs, outputs } = bindings[start + tensor]!
      for (let from = 0; from < size; from += partSize) {
        const offset = from * elementBytes
        loopArguments.setRow(loop, rows, Math.min(partSize, size - from))
        for (let i = 0; i < loads.length; i++) loopArguments.addWord(inputs[locations[i]!]! + offset)
        for (let i = loads.length; i < loads.length + stores.length; i++) {
          loopArguments.addWord(outputs[locations[i]! - inputs.length]! + offset)
        }
        sumsOf[rows++] = tensor * sums.length
        if (rows === mostRows) flush()
      }
    }
    if (rows > 0) flush()
    return totals
  }
}

/** A pass of a program, which engines share. */
function passOf(program: Program, name: PassName): ElementwisePass {
  const passes = passesOf(program)
  return (passes[name] ??= compileElementwisePass(program.graph, program.stages[name]!))
}

const passesOf = memoised<Program, { [name in PassName]?: ElementwisePass }>(() => ({}))

function compileElementwisePass(graph: Graph, { early, stages }: PassStages): ElementwisePass {
  const stage = stages.find((each) => each.kind === 'loop')!
  const late = stages.flatMap((each) => (each.kind === 'scalars' ? each.nodes : []))
  return { early: compileScalarNodes(graph, early), stage, late: compileScalarNodes(graph, late) }
}
