import type { Op, Shape } from '../graph/algebra.js'
import { InducedMetricError } from '../errors.js'
import { neededNodes, type Graph } from '../graph/graph.js'
import { runOperation, type ValueBackend } from './operation.js'
import type { SharedScalars } from './sharedScalars.js'

/** A graph during its evaluation: each node is computed once, when an output first needs it. */
export interface Evaluation<V> {
  /** Returns an output. It belongs to the evaluation. */
  get(output: string): V
  /** Returns an output for the caller to keep: a copy if it is an input, or if `own` returned it under another name. */
  own(output: string): V
  /**
   * Returns an output as number · value, if the graph has that form and the number is known. Outputs with the same factor
   * can then be added up before they are multiplied.
   */
  scaled(output: string): { readonly factor: number; readonly value: V }
  /** Frees everything that was computed, after an error. */
  abandon(): void
}

/**
 * Begins an evaluation of a graph.
 *
 * @param outputs the outputs that may be asked for; pass the same array at every step. A value that only others need is not
 *   computed, and an intermediate value is freed after its last use among these
 * @param supply returns an input of the graph. It is called when an output first needs it. The evaluation never frees inputs
 * @param shared the scalars of several evaluations, which it owns
 * @throws ERR_NOT_SUPPORTED when an output needs an input for which `supply` returns `undefined`
 */
export function evaluateGraph<V>(
  graph: Graph,
  outputs: readonly string[],
  backend: ValueBackend<V>,
  supply: (name: string, shape: Shape) => V | undefined,
  shared?: SharedScalars<V>,
): Evaluation<V> {
  const { nodes } = graph
  const { free } = backend
  const values: (V | undefined)[] = []
  /** The branch that a `when` takes, by its node: both are one value. */
  const taken: number[] = []
  /** The number of readers of each node that are not yet computed. */
  const uses = free && countUses(graph, outputs).slice()
  const owned = new Set<number>()

  const visit = (index: number): V => (values[index] ??= compute(index))
  const compute = (index: number): V => {
    const { op, inputs, shape, value, name } = nodes[index]!
    if (op === 'constant') return backend.constant(value!)
    if (op === 'input' || op === 'identity') {
      const input = op === 'input' ? name! : identityInput(shape)
      const supplied = supply(input, shape)
      if (supplied === undefined) throw missing(input)
      return supplied
    }
    if (op === 'when' && typeof visit(inputs[0]!) === 'number') return decide(index)
    const operands = inputs.map(visit)
    const run = (): V => runOperation(nodes, nodes[index]!, operands, backend)
    const result = shared && isShared(index) ? shared.get(op, operands, run) : run()
    if (uses) inputs.forEach(release)
    return result
  }
  /** Computes the branch that a `when` takes, and not the other. */
  const decide = (index: number): V => {
    const [condition, fresh, kept] = nodes[index]!.inputs as [number, number, number]
    const [branch, other] = (visit(condition) as number) > 0 ? [fresh, kept] : [kept, fresh]
    const value = visit(branch)
    taken[index] = branch
    if (uses) {
      uses[placeOf(branch)]! += uses[index]! - 1
      release(other)
    }
    return value
  }
  const placeOf = (index: number): number => {
    let place = index
    while (taken[place] !== undefined) place = taken[place]!
    return place
  }
  /** Sums are not shared, as each is of another tensor. */
  const isShared = (index: number): boolean => nodes[index]!.shape === 'scalar' && nodes[index]!.op !== 'sum'
  const isOurs = (index: number): boolean => {
    const { op } = nodes[index]!
    return !isLeaf(op) && !(shared && isShared(index))
  }
  // An intermediate tensor is freed once its last reader is computed. The next tensor can then use its memory while that is
  // still in the cache.
  const release = (index: number): void => {
    const place = placeOf(index)
    uses![place]!--
    if (uses![place]! > 0) return
    // What no branch needs is not computed, so it does not read its operands either.
    if (values[place] === undefined) nodes[place]!.inputs.forEach(release)
    else if (isOurs(place)) free!(values[place]!)
  }

  return {
    get: (output) => visit(graph.outputs[output]!),
    own(output) {
      const value = visit(graph.outputs[output]!)
      const index = placeOf(graph.outputs[output]!)
      const isNew = isOurs(index) && !owned.has(index)
      owned.add(index)
      return isNew || !backend.copy ? value : backend.copy(value)
    },
    scaled(output) {
      const index = graph.outputs[output]!
      const { op, inputs } = nodes[index]!
      // Once the product is computed, its operands may have been freed.
      if (op === 'mul' && values[index] === undefined) {
        const [factor, value] = [visit(inputs[0]!), visit(inputs[1]!)]
        if (typeof factor === 'number') return { factor, value }
      }
      return { factor: 1, value: visit(index) }
    },
    abandon() {
      if (uses) {
        values.forEach((value, index) => {
          if (uses[index]! > 0 && taken[index] === undefined && isOurs(index)) free!(value!)
        })
      }
      values.length = 0
    },
  }
}

/** The name under which an identity matrix is supplied. */
export function identityInput(shape: Shape): string {
  return `identity.${shape.split(',')[0]}`
}

function isLeaf(op: Op): boolean {
  return op === 'input' || op === 'constant' || op === 'identity'
}

/** By list of outputs: that is the same list at every step. */
const useCounts = new WeakMap<
  readonly string[],
  { readonly graph: Graph; readonly counts: readonly number[] }
>()

/** The number of nodes that read each node on the way to some outputs. An output has one more reader, so it is never freed. */
function countUses(graph: Graph, outputs: readonly string[]): readonly number[] {
  const known = useCounts.get(outputs)
  if (known?.graph === graph) return known.counts
  const counts = graph.nodes.map(() => 0)
  for (const node of neededNodes(graph, outputs))
    for (const index of graph.nodes[node]!.inputs) counts[index]!++
  for (const name of outputs) counts[graph.outputs[name]!]!++
  useCounts.set(outputs, { graph, counts })
  return counts
}

function missing(name: string): InducedMetricError {
  return new InducedMetricError('ERR_NOT_SUPPORTED', `the graph reads ${name}, which it is not given`)
}
