import type { Shape } from '../graph/algebra.js'
import { InducedMetricError } from '../errors.js'
import { neededNodes, type Graph } from '../graph/graph.js'
import type { Lowering } from './backend.js'
import type { SharedScalars } from './sharedScalars.js'

/** Operations on the values of an evaluation: tensors, tensors and numbers, or the names of values in a model. */
export interface ValueBackend<V> {
  readonly lowering: Lowering<V>
  /** A constant of a graph, which is a scalar. */
  constant(value: number): V
  /** Frees an intermediate value after its last use. Leave it out where something else does that. */
  free?(value: V): void
  /** Copies a value. Leave it out where two names of one value do no harm. */
  copy?(value: V): V
}

/** A graph during its evaluation: each node is computed once, when an output first needs it. */
export interface Evaluation<V> {
  /** An output. It belongs to the evaluation. */
  get(output: string): V
  /** An output for the caller to keep: a copy where it is an input, or was returned by `own` under another name. */
  own(output: string): V
  /**
   * An output as number · value, where the graph says so and the number is known: outputs with the same factor can be
   * added up before they are multiplied.
   */
  scaled(output: string): { readonly factor: number; readonly value: V }
  /** Frees all that was computed, after an error. */
  abandon(): void
}

/**
 * Begins an evaluation of a graph.
 *
 * @param outputs the outputs that may be asked for. A value that only others need is not computed, and is freed after its
 *   last use among these
 * @param supply returns an input of the graph; called when an output first needs it. The evaluation never frees inputs
 * @param shared scalars that other evaluations have computed; it owns them
 * @throws ERR_NOT_SUPPORTED, when an output needs an input that `supply` returns `undefined` for
 */
export function evaluateGraph<V>(
  graph: Graph,
  outputs: readonly string[],
  backend: ValueBackend<V>,
  supply: (name: string, shape: Shape) => V | undefined,
  shared?: SharedScalars<V>,
): Evaluation<V> {
  const { nodes } = graph
  const { lowering } = backend
  const values: (V | undefined)[] = []
  /** How often each node is still to be read. */
  const uses = backend.free && countUses(graph, outputs).slice()
  const owned = new Set<number>()

  const visit = (index: number): V => (values[index] ??= compute(index))
  const compute = (index: number): V => {
    const { op, inputs, shape, value, name } = nodes[index]!
    if (op === 'constant') return backend.constant(value!)
    if (op === 'input') {
      const supplied = supply(name!, shape)
      if (supplied === undefined) throw missing(name!)
      return supplied
    }
    const operands = inputs.map(visit)
    const run = (): V => lowering[op](...operands)
    const result = shared && isShared(index) ? shared.get(op, operands, run) : run()
    if (uses) inputs.forEach(release)
    return result
  }
  /** Sums are not shared: each is of another tensor. */
  const isShared = (index: number): boolean => nodes[index]!.shape === 'scalar' && nodes[index]!.op !== 'sum'
  const isOurs = (index: number): boolean => {
    const { op } = nodes[index]!
    return op !== 'input' && op !== 'constant' && !(shared && isShared(index))
  }
  // An intermediate tensor is freed once its last user is computed: the next tensor can then take its memory while that is
  // still in the cache.
  const release = (index: number): void => {
    uses![index]!--
    if (uses![index] === 0 && isOurs(index)) backend.free!(values[index]!)
  }

  return {
    get: (output) => visit(graph.outputs[output]!),
    own(output) {
      const index = graph.outputs[output]!
      const value = visit(index)
      const isNew = isOurs(index) && !owned.has(index)
      owned.add(index)
      return isNew || !backend.copy ? value : backend.copy(value)
    },
    scaled(output) {
      const { op, inputs } = nodes[graph.outputs[output]!]!
      if (op === 'mul') {
        const [factor, value] = [visit(inputs[0]!), visit(inputs[1]!)]
        if (typeof factor === 'number') return { factor, value }
      }
      return { factor: 1, value: visit(graph.outputs[output]!) }
    },
    abandon() {
      if (uses) values.forEach((value, index) => uses[index]! > 0 && isOurs(index) && backend.free!(value!))
      values.length = 0
    },
  }
}

const useCounts = new WeakMap<Graph, Map<string, readonly number[]>>()

/** How many nodes read each node on the way to some outputs; an output has one reader more, and so is never freed. */
function countUses(graph: Graph, outputs: readonly string[]): readonly number[] {
  let known = useCounts.get(graph)
  if (known === undefined) useCounts.set(graph, (known = new Map<string, readonly number[]>()))
  const key = outputs.join()
  let counts = known.get(key)
  if (counts === undefined) {
    const fresh = graph.nodes.map(() => 0)
    for (const node of neededNodes(graph, outputs))
      for (const index of graph.nodes[node]!.inputs) fresh[index]!++
    for (const name of outputs) fresh[graph.outputs[name]!]!++
    known.set(key, (counts = fresh))
  }
  return counts
}

function missing(name: string): InducedMetricError {
  return new InducedMetricError('ERR_NOT_SUPPORTED', `the graph reads ${name}, which it is not given`)
}
