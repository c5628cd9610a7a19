import type { Scalars } from '../../plan.js'
import type { Graph } from '../../graph.js'
import { compileScalarNodes, type ScalarEvaluator } from '../../scalars.js'
import type { Assistant } from './crew.js'
import type { Runner, TensorBinding } from './kernels.js'
import type { Loop } from './loop.js'
import type { Program } from './program.js'
import type { Pass, Place } from './schedule.js'
import { batch, type Workspace } from './workspace.js'

/** A pass that is one loop: scalars before it, scalars after it. */
interface FlatPass {
  readonly early: ScalarEvaluator
  readonly loop: Loop
  readonly places: readonly Place[]
  readonly late: ScalarEvaluator
}

/** Elements from which on two threads are worth the talk between them. */
const manyElements = 1_000_000

/** Elements of a part of a tensor that one of two threads takes at a time. */
const partElements = 1 << 16

/**
 * Runs a program whose passes are one loop each, over as many tensors at once as share their scalars.
 *
 * @param assistant takes parts of the tensors where there is much to do. The sums are those of the parts, whoever
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
  /** By tensor that is worked in parts: its sums. */
  let totals = new Float64Array(0)
  /** By row: where in `totals` its sums go. */
  const places = new Uint32Array(batch)

  /** A row of so many elements of a tensor, from one on that lies so many bytes from its beginning. */
  const setRow = (
    { loop, places }: FlatPass,
    row: number,
    { inputs, outputs }: TensorBinding,
    size: number,
    offset: number,
  ): void => {
    const { loads, stores } = loop
    workspace.setRow(loop, row, size)
    for (let i = 0; i < loads.length; i++) workspace.addAddress(inputs[places[i]!]! + offset)
    for (let i = loads.length; i < loads.length + stores.length; i++) {
      workspace.addAddress(outputs[places[i]! - inputs.length]! + offset)
    }
  }
  /** Works tensors in parts, with help. */
  const runParts = (
    helper: Assistant,
    pass: FlatPass,
    bindings: readonly TensorBinding[],
    start: number,
    end: number,
  ): void => {
    const { loop } = pass
    const { length } = loop.sums
    if (totals.length < (end - start) * length) totals = new Float64Array((end - start) * length)
    totals.fill(0)
    let rows = 0
    const flush = (): void => {
      workspace.runBeside(helper, loop, rows)
      for (let row = 0; row < rows; row++) workspace.addSums(loop, row, totals, places[row]!)
      rows = 0
    }
    for (let index = start; index < end; index++) {
      const binding = bindings[index]!
      for (let from = 0; from < binding.size; from += partElements) {
        places[rows] = (index - start) * length
        const size = Math.min(partElements, binding.size - from)
        setRow(pass, rows++, binding, size, from * workspace.elementBytes)
        if (rows === batch) flush()
      }
    }
    if (rows > 0) flush()
  }
  const tellTotals = (
    { loop: { sums }, late }: FlatPass,
    start: number,
    end: number,
    given: Scalars,
    output: number,
    results: Float64Array,
  ): void => {
    for (let index = start; index < end; index++) {
      const at = (index - start) * sums.length
      for (let i = 0; i < sums.length; i++) values[sums[i]!] = totals[at + i]!
      late(values, given)
      results[index] = values[output]!
    }
  }
  return {
    prepare() {},
    run(name, bindings, scalars, output, results) {
      workspace.refresh()
      const pass = passes[name]!
      const { early, loop, late } = pass
      const count = bindings.length
      let start = 0
      while (start < count) {
        const given = scalars[start]!
        early(values, given)
        workspace.setScalars(loop, values)
        if (assistant) {
          let end = start
          let elements = 0
          for (; end < count && scalars[end] === given; end++) elements += bindings[end]!.size
          if (elements >= manyElements) {
            runParts(assistant, pass, bindings, start, end)
            if (results) tellTotals(pass, start, end, given, output, results)
            start = end
            continue
          }
        }
        let rows = 0
        while (rows < batch && start + rows < count && scalars[start + rows] === given) {
          const binding = bindings[start + rows]!
          setRow(pass, rows++, binding, binding.size, 0)
        }
        workspace.run(loop, rows)
        if (results) {
          for (let row = 0; row < rows; row++) {
            workspace.getSums(loop, row, values)
            late(values, given)
            results[start + row] = values[output]!
          }
        }
        start += rows
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
