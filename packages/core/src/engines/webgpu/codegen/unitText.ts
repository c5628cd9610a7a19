import type { MetricUnit } from '../../../step/plan.js'
import { lossCount } from '../../../step/metricGraph.js'
import { earlyScalarsOf, type EarlyScalars } from './earlyScalars.js'
import type { StateLayout } from './layout.js'
import { ScalarCode } from './scalarCode.js'
import { descriptorWords, fixedDescriptor, fixedUnit, stateWords, unitWords } from './words.js'

/** The scalars of a unit's graph that the host computes: all that does not depend on this step's sums and loss. */
export function earlyOfUnit({ graph }: MetricUnit): EarlyScalars {
  const sums = new Set(graph.sums.map(({ input }) => input))
  const counted = `state.${lossCount}`
  const isKnown = (name: string): boolean =>
    name === counted ||
    !(name === 'average' || name === 'loss' || name.startsWith('state.') || sums.has(name))
  const outputs = ['average', 'metric', 'scale', 'status', ...graph.state.map((name) => `state.${name}`)]
  return earlyScalarsOf(
    graph,
    outputs.filter((name) => name !== counted),
    isKnown,
  )
}

/** The function that evaluates a unit `u`, and leaves its next state beside the old one. */
export function unitFunction(
  { graph, sums }: MetricUnit,
  early: EarlyScalars,
  form: number,
  layout: StateLayout,
): string {
  const word = (place: number): string => `state[described + ${place}u]`
  const stateAt = (index: number, next: 0 | 1): number => fixedUnit + 2 * index + next
  const code = new ScalarCode(graph, early.columns, {
    input(name) {
      if (name === 'loss') return `f32At(${stateWords.loss}u)`
      if (name === 'average') return `f32At(results + ${unitWords.average}u)`
      const sum = sums.findIndex(({ input }) => input === name)
      if (sum === -1) {
        const index = graph.state.indexOf(name.slice('state.'.length))
        return `f32At(results + ${stateAt(index, 0)}u)`
      }
      const list = fixedDescriptor + 2 * sum
      const part = layout.partNames.indexOf(sums[sum]!.output)
      return `memberSum(${word(list)}, ${word(list + 1)}, ${part}u)`
    },
  })
  const dualNorm = graph.nodes.findIndex(({ op, name }) => op === 'input' && name === 'dualNorm')
  const written: [number, string][] = [
    [unitWords.dualNorm, code.value(dualNorm)],
    [unitWords.metric, code.value(graph.outputs['metric']!)],
    [unitWords.scale, code.value(graph.outputs['scale']!)],
    [unitWords.status, code.value(graph.outputs['status']!)],
    [unitWords.nextAverage, code.value(graph.outputs['average']!)],
    // The host counts losses.
    ...graph.state.flatMap((name, index): [number, string][] =>
      name === lossCount ? [] : [[stateAt(index, 1), code.value(graph.outputs[`state.${name}`]!)]],
    ),
  ]
  return `fn unit${form}(u: u32) {
  let described = ${layout.unitWords}u + u * ${layout.unitLength}u;
  let results = state[described + ${descriptorWords.results}u];
  let row = rowOf(state[described + ${descriptorWords.class}u], state[${layout.unitOffsets}u + u], state[${layout.lossOffsets}u + u]);
  ${code.lines.join('\n  ')}
  ${written.map(([place, value]) => `state[results + ${place}u] = bitcast<u32>(${value});`).join('\n  ')}
}`
}
