import type { Graph } from '../../graph.js'
import { compileScalarNodes, type ScalarEvaluator } from '../../scalars.js'
import type { Runner } from './kernels.js'
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

/** Runs a program whose passes are one loop each, over as many tensors at once as share their scalars. */
export function createFlatRunner({ graph, schedule }: Program, workspace: Workspace): Runner {
  const { norm, reduce, update } = schedule
  const passes = {
    norm: norm && flatten(graph, norm),
    reduce: flatten(graph, reduce),
    update: flatten(graph, update),
  }
  const values = new Float64Array(graph.nodes.length)
  return {
    prepare() {},
    run(pass, bindings, scalars, output, results) {
      workspace.refresh()
      const { early, loop, places, late } = passes[pass]!
      const { loads, stores } = loop
      const count = bindings.length
      let start = 0
      while (start < count) {
        const given = scalars[start]!
        early(values, given)
        workspace.setScalars(loop, values)
        let rows = 0
        while (rows < batch && start + rows < count && scalars[start + rows] === given) {
          const { size, inputs, outputs } = bindings[start + rows]!
          workspace.setRow(loop, rows, size)
          for (let i = 0; i < loads.length; i++) workspace.addAddress(inputs[places[i]!]!)
          for (let i = loads.length; i < loads.length + stores.length; i++) {
            workspace.addAddress(outputs[places[i]! - inputs.length]!)
          }
          rows++
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
    dispose() {},
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
