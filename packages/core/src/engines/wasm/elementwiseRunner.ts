import type { Graph } from '../../graph/graph.js'
import { compileScalarNodes, type ScalarEvaluator } from '../../graph/hostScalars.js'
import type { Assistant } from './threads/host.js'
import type { Runner, TensorBinding } from './kernels.js'
import type { Loop } from './codegen/loop.js'
import type { Program } from './codegen/program.js'
import type { Pass, Place } from './codegen/stages.js'
import { batch, type Workspace } from './loopArguments.js'

/** A pass that is one loop: scalars before it, scalars after it. */
interface FlatPass {
  readonly early: ScalarEvaluator
  readonly loop: Loop
  readonly places: readonly Place[]
  readonly late: ScalarEvaluator
}

/** Elements from which on two threads are worth the talk between them. */
const manyElements = 1_000_000

/** Elements of a part of a tensor, of which one of two threads takes one at a time. */
const partElements = 1 << 16

/**
 * Runs a program whose passes are one loop each, over as many tensors at once as share their scalars.
 *
 * @param assistant takes parts of the tensors where there is much to do. The sums are then those of the parts, whoever
 *   takes them
 */
export function createFlatRunner(
  { graph, schedule }: Program,
  workspace: Workspace,
  assistant?: Assistant,
): Runner {
  const { norm, reduce, update } = schedule
  const passes = {
    norm: norm && flatten(graph, norm),
    reduce: flatten(graph, reduce),
    update: flatten(graph, update),
  }
  const values = new Float64Array(graph.nodes.length)
  /** By tensor: its sums. */
  let totals = new Float64Array(0)
  /** By row of the table: where in `totals` its sums go. */
  const places = new Uint32Array(batch)

  /** Runs a loop over the tensors from `start` to `end` and leaves their sums in `totals`. */
  const runLoop = (
    { loop, places: pointers }: FlatPass,
    bindings: readonly TensorBinding[],
    start: number,
    end: number,
    helper: Assistant | undefined,
  ): void => {
    // Parts have sums of their own, which is another order to add in: without help, a tensor stays whole.
    const partSize = helper ? partElements : Infinity
    const { loads, stores, sums } = loop
    if (totals.length < (end - start) * sums.length) totals = new Float64Array((end - start) * sums.length)
    totals.fill(0)
    let rows = 0
    const flush = (): void => {
      if (helper) workspace.runBeside(helper, loop, rows)
      else workspace.run(loop, rows)
      for (let row = 0; row < rows; row++) workspace.addSums(loop, row, totals, places[row]!)
      rows = 0
    }
    for (let tensor = 0; tensor < end - start; tensor++) {
      const { size, inputs, outputs } = bindings[start + tensor]!
      for (let from = 0; from < size; from += partSize) {
        const offset = from * workspace.elementBytes
        workspace.setRow(loop, rows, Math.min(partSize, size - from))
        for (let i = 0; i < loads.length; i++) workspace.addAddress(inputs[pointers[i]!]! + offset)
        for (let i = loads.length; i < loads.length + stores.length; i++) {
          workspace.addAddress(outputs[pointers[i]! - inputs.length]! + offset)
        }
        places[rows++] = tensor * sums.length
        if (rows === batch) flush()
      }
    }
    if (rows > 0) flush()
  }
  return {
    prepare() {},
    run(name, bindings, scalars, outputs, results) {
      workspace.refresh()
      const pass = passes[name]!
      const { early, late, loop } = pass
      const { sums } = loop
      let start = 0
      while (start < bindings.length) {
        const given = scalars[start]!
        early(values, given)
        workspace.setScalars(loop, values)
        let end = start
        let elements = 0
        for (; end < bindings.length && scalars[end] === given; end++) elements += bindings[end]!.size
        const helper = elements >= manyElements ? assistant : undefined
        runLoop(pass, bindings, start, end, helper)
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
    dispose: () => assistant?.dispose(),
  }
}

function flatten(graph: Graph, { early, stages }: Pass): FlatPass {
  const { loop, places } = stages.find((stage) => stage.kind === 'loop')!
  const late = stages.flatMap((stage) => (stage.kind === 'scalars' ? stage.nodes : []))
  return {
    early: compileScalarNodes(graph, early),
    loop,
    places,
    late: compileScalarNodes(graph, late),
  }
}
