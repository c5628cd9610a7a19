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
  const uses = backend.free && countUses(graph, outputs).slice()
  return new GraphEvaluation({ graph, backend, supply, shared, uses })
}

/** What an evaluation works with. */
interface Given<V> {
  readonly graph: Graph
  readonly backend: ValueBackend<V>
  readonly supply: (name: string, shape: Shape) => V | undefined
  readonly shared: SharedScalars<V> | undefined
  /** The number of readers of each node that are not yet computed; `undefined` where nothing is freed. */
  readonly uses: number[] | undefined
}

class GraphEvaluation<V> implements Evaluation<V> {
  readonly #given: Given<V>
  readonly #values: (V | undefined)[] = []
  /** The branch that a `when` takes, by its node: both are one value. */
  readonly #taken: number[] = []
  readonly #owned = new Set<number>()

  constructor(given: Given<V>) {
    this.#given = given
  }

  get(output: string): V {
    return this.#visit(this.#given.graph.outputs[output]!)
  }

  own(output: string): V {
    const { graph, backend } = this.#given
    const value = this.get(output)
    const index = this.#placeOf(graph.outputs[output]!)
    const isNew = this.#isOurs(index) && !this.#owned.has(index)
    this.#owned.add(index)
    return isNew || !backend.copy ? value : backend.copy(value)
  }

  scaled(output: string): { readonly factor: number; readonly value: V } {
    const { nodes, outputs } = this.#given.graph
    const index = outputs[output]!
    const { op, inputs } = nodes[index]!
    // Once the product is computed, its operands may have been freed.
    if (op === 'mul' && this.#values[index] === undefined) {
      const [factor, value] = [this.#visit(inputs[0]!), this.#visit(inputs[1]!)]
      if (typeof factor === 'number') return { factor, value }
    }
    return { factor: 1, value: this.#visit(index) }
  }

  abandon(): void {
    const { backend, uses } = this.#given
    const isLeft = (index: number): boolean =>
      uses![index]! > 0 && this.#taken[index] === undefined && this.#isOurs(index)
    if (uses) this.#values.forEach((value, index) => isLeft(index) && backend.free!(value as V))
    this.#values.length = 0
  }

  #visit(index: number): V {
    return (this.#values[index] ??= this.#compute(index))
  }

  #compute(index: number): V {
    const { graph, backend, supply, shared, uses } = this.#given
    const { nodes } = graph
    const { op, inputs, shape, value, name } = nodes[index]!
    if (op === 'constant') return backend.constant(value!)
    if (op === 'input' || op === 'identity') {
      const input = op === 'input' ? name! : identityInput(shape)
      const supplied = supply(input, shape)
      if (supplied === undefined) throw missingInput(input)
      return supplied
    }
    if (op === 'when' && typeof this.#visit(inputs[0]!) === 'number') return this.#decide(index)
    const operands = inputs.map((operand) => this.#visit(operand))
    const run = (): V => runOperation(nodes, nodes[index]!, operands, backend)
    const result = shared && this.#isShared(index) ? shared.get(op, operands, run) : run()
    if (uses) for (const operand of inputs) this.#release(operand)
    return result
  }

  /** Computes the branch that a `when` takes, and not the other. */
  #decide(index: number): V {
    const { graph, uses } = this.#given
    const [condition, fresh, kept] = graph.nodes[index]!.inputs as [number, number, number]
    const [branch, other] = (this.#visit(condition) as number) > 0 ? [fresh, kept] : [kept, fresh]
    const value = this.#visit(branch)
    this.#taken[index] = branch
    if (uses) {
      uses[this.#placeOf(branch)]! += uses[index]! - 1
      this.#release(other)
    }
    return value
  }

  /** The node that computed a value: that of a `when` is the value of its branch. */
  #placeOf(index: number): number {
    let place = index
    while (this.#taken[place] !== undefined) place = this.#taken[place]!
    return place
  }

  /** Sums are not shared, as each is of another tensor. */
  #isShared(index: number): boolean {
    const { op, shape } = this.#given.graph.nodes[index]!
    return shape === 'scalar' && op !== 'sum'
  }

  #isOurs(index: number): boolean {
    const { graph, shared } = this.#given
    return !isLeaf(graph.nodes[index]!.op) && !(shared && this.#isShared(index))
  }

  // An intermediate tensor is freed once its last reader is computed. The next tensor can then use its memory while that is
  // still in the cache.
  #release(index: number): void {
    const { graph, backend, uses } = this.#given
    const place = this.#placeOf(index)
    uses![place]!--
    if (uses![place]! > 0) return
    const value = this.#values[place]
    // What no branch needs is not computed, so it does not read its operands either.
    if (value === undefined) for (const operand of graph.nodes[place]!.inputs) this.#release(operand)
    else if (this.#isOurs(place)) backend.free!(value)
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

/** The error of an input that an evaluation is not given. */
export function missingInput(name: string): InducedMetricError {
  return new InducedMetricError('ERR_NOT_SUPPORTED', `the graph reads ${name}, which it is not given`)
}
