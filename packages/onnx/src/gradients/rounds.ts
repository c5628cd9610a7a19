import type { Body } from '../inference/bodies.js'
import { attributeOf, intOf } from '../proto/attribute.js'
import { createNode } from '../proto/node.js'
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js'
import { declaredValue } from '../rewrite/declare.js'
import { zerosOf } from '../rewrite/operations.js'
import { emitLoop, emitScan, type BackwardPass, type Sequence } from './backwardPass.js'
import { backwardBody, finish, zerosLike, type NestedScope } from './nested.js'

/** The parts of a `Loop` or a `Scan`. */
interface Rounds {
  /** The body of the forward pass, and what is known of it. */
  readonly graph: GraphProto
  readonly body: Body
  /** What the body is given, by name: the count and the condition of a `Loop`, what it carries, slices of a `Scan`. */
  readonly own: readonly string[]
  readonly states: readonly string[]
  readonly slices: readonly string[]
  /** The index of the first state among the node's inputs. */
  readonly first: number
  /** The states of the next round, and what is stacked. */
  readonly next: readonly string[]
  readonly stacked: readonly string[]
}

function roundsOf(node: NodeProto, bodies: NestedScope['bodies']): Rounds {
  const graph = attributeOf(node, 'body')!.g!
  const body = bodies.get(graph)!
  const { inputs, outputs } = body
  const isLoop = node.opType === 'Loop'
  const [first, skipped] = isLoop ? [2, 1] : [0, 0]
  const end = inputs.length - (isLoop ? 0 : intOf(node, 'num_scan_inputs', 0))
  return {
    graph,
    body,
    own: inputs.slice(0, first),
    states: inputs.slice(first, end),
    slices: inputs.slice(end),
    first,
    next: outputs.slice(skipped, skipped + end - first),
    stacked: outputs.slice(skipped + end - first),
  }
}

/** The states that lead to a wanted value, directly or through another round. */
function originStates(scope: NestedScope, rounds: Rounds): number[] {
  const { context, isOrigin, dependents } = scope
  const { body, states, slices, next, first } = rounds
  const outer = [...body.captured].filter(isOrigin)
  const sliced = slices.filter((_, i) => isOrigin(context.node.input[first + states.length + i] ?? ''))
  const found = new Set(states.flatMap((_, j) => (isOrigin(context.node.input[first + j] ?? '') ? [j] : [])))
  for (;;) {
    const reached = dependents(body, [...outer, ...sliced, ...[...found].map((j) => states[j]!)])
    const more = states.flatMap((_, j) => (!found.has(j) && reached.has(next[j]!) ? [j] : []))
    if (more.length === 0) return [...found].sort((a, b) => a - b)
    for (const j of more) found.add(j)
  }
}

/** Lets the forward node return, of every round, values that its body was given. */
function stack(scope: NestedScope, { graph, body }: Rounds, values: readonly string[]): string[] {
  const { context, types } = scope
  const { node, fresh } = context
  // The outputs of the body that the node leaves out come before.
  const skipped = node.opType === 'Loop' ? 1 : 0
  graph.output.slice(skipped).forEach(({ name }, i) => (node.output[i] ||= fresh(`${name}/unused`)))
  return values.map((value) => {
    const [copy, output] = [fresh(`${value}/copy`), fresh(`${value}/rounds`)]
    const { name } = graph.input[body.inputs.indexOf(value)]!
    graph.node.push(createNode('Identity', [name], [copy]))
    const { dataType: type = 0, shape } = body.types.get(value)
    graph.output.push(declaredValue(copy, type, shape))
    node.output.push(output)
    for (const name of ['scan_output_axes', 'scan_output_directions']) {
      attributeOf(node, name)?.ints.push(0n)
    }
    types.add(output, { dataType: type, shape: shape && [undefined, ...shape] })
    return output
  })
}

/**
 * The gradient of a `Loop` or a `Scan`: backpropagation through time, from the last round to the first. Each round computes
 * the body once more from what the forward pass was given in that round, and those of these values that the gradient needs
 * are kept. The gradients of values from outside add up from round to round.
 */
export function throughRounds(scope: NestedScope): void {
  const { context, bodies, isOrigin, contribute } = scope
  const { node, gradient, saved, wants, give, fresh, shapeOf, realTypeOf } = context
  const rounds = roundsOf(node, bodies)
  const { body, states, slices, first, next, stacked } = rounds
  const origins = originStates(scope, rounds)
  const outer = [...body.captured].filter(isOrigin)
  const sliceAt = (i: number): number => first + states.length + i
  const wantedSlices = slices.flatMap((_, i) => (wants(sliceAt(i)) ? [i] : []))

  const carried = origins.map((j) => fresh(`${states[j]!}_grad`))
  const sums = outer.map((name) => fresh(`${name}_grad/sum`))
  const stackedGradients = stacked.flatMap((name, k) => {
    const value = gradient(states.length + k)
    return value === undefined ? [] : [{ name, k, value, part: fresh(`${name}_grad`) }]
  })
  const inner = backwardBody(
    scope,
    body,
    [
      ...origins.map((j, at) => [next[j]!, carried[at]!] as const),
      ...stackedGradients.map(({ name, part }) => [name, part] as const),
    ],
    [...origins.map((j) => states[j]!), ...outer, ...wantedSlices.map((i) => slices[i]!)],
  )
  const own = [...origins.map((j) => states[j]!), ...wantedSlices.map((i) => slices[i]!)].map((name) =>
    inner.add('Identity', [
      inner.gradients.get(name) ?? zerosLike(inner, name, body.types.get(name).dataType!),
    ]),
  )
  const added = outer.map((name, at) => {
    const found = inner.gradients.get(name)
    return found === undefined ? inner.add('Identity', [sums[at]!]) : inner.add('Add', [sums[at]!, found])
  })
  const outputs = [...own.slice(0, origins.length), ...added, ...own.slice(origins.length)]
  const needed = finish(inner, scope, body, outputs)

  const settings = settingsOf(node, slices.length, stacked.length)
  const kept = [...rounds.own, ...states].filter((name) => needed.has(name))
  // A pass needs something to go through: the numbers of the rounds, or the slices.
  if (kept.length === 0 && slices.length === 0) kept.push(rounds.own[0]!)
  const read = slices.flatMap((name, i) => (needed.has(name) || kept.length === 0 ? [i] : []))
  const zeros = (name: string, type: number): string => zerosOf(context, shapeOf(name), type)
  const pass: BackwardPass = {
    inner,
    carried: [...carried, ...sums],
    initial: [
      ...origins.map((j) => gradient(j) ?? zeros(saved(j), body.types.get(states[j]!).dataType!)),
      ...outer.map((name) => zeros(name, realTypeOf(name))),
    ],
    sequences: [
      ...stack(scope, rounds, kept).map((value, i) => ({
        value,
        part: kept[i]!,
        axis: 0,
        direction: 0,
      })),
      ...read.map((i) => ({ value: node.input[sliceAt(i)]!, part: slices[i]!, ...settings.input[i]! })),
      ...stackedGradients.map(({ value, part, k }) => ({ value, part, ...settings.output[k]! })),
    ],
    slices: wantedSlices.map((i) => settings.input[i]!),
  }
  // The extents of what a Scan carries are declared: the runtime wants their number.
  const like = [
    ...origins.map((j) => body.types.get(states[j]!)),
    ...outer.map((name) => scope.types.get(name)),
  ]
  inner.graph.output = outputs.map((name, at) => {
    const { dataType: type, shape } = like[at] ?? body.types.get(slices[wantedSlices[at - like.length]!]!)
    return declaredValue(name, type!, shape)
  })
  const results = node.opType === 'Loop' ? emitLoop(scope, pass) : emitScan(scope, pass)
  origins.forEach((j, at) => give(first + j, results[at]!))
  outer.forEach((name, at) => contribute(name, results[origins.length + at]!))
  wantedSlices.forEach((i, at) => give(sliceAt(i), results[origins.length + outer.length + at]!))
}

/** The axes and the directions of a `Scan`, by input and by output; those that a `Loop` stacks along. */
function settingsOf(
  node: NodeProto,
  inputs: number,
  outputs: number,
): Readonly<Record<'input' | 'output', Pick<Sequence, 'axis' | 'direction'>[]>> {
  const read = (kind: string, count: number): Pick<Sequence, 'axis' | 'direction'>[] => {
    const [axes, directions] = ['axes', 'directions'].map((name) =>
      attributeOf(node, `scan_${kind}_${name}`)?.ints.map(Number),
    )
    return Array.from({ length: count }, (_, i) => ({
      axis: axes?.[i] ?? 0,
      direction: directions?.[i] ?? 0,
    }))
  }
  return { input: read('input', inputs), output: read('output', outputs) }
}
