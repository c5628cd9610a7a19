import type { Graph } from '../../../graph/graph.js'
import { expressionOf, isValueOp, literalOf } from './arithmetic.js'
import { sumWord, type Form } from './form.js'
import { metaWords, stateWords } from './words.js'

/** How scalars that are not computed from others are read. */
export interface ScalarReads {
  /** The expression of an input that the host does not know. */
  input(name: string): string
  /** The expression of the sum of a tensor, where the graph has any. */
  sum?(node: number): string
}

/** Statements that compute scalars of a graph, each once. */
export class ScalarCode {
  readonly lines: string[] = []
  readonly #graph: Graph
  readonly #columns: ReadonlyMap<number, number>
  readonly #reads: ScalarReads
  readonly #names = new Map<number, string>()

  /** @param columns the places of early scalars in the row, whose address is in the variable `row` */
  constructor(graph: Graph, columns: ReadonlyMap<number, number>, reads: ScalarReads) {
    this.#graph = graph
    this.#columns = columns
    this.#reads = reads
  }

  /** An expression of a scalar: a name or a literal. */
  value(index: number): string {
    const { op, value } = this.#graph.nodes[index]!
    if (op === 'constant') return literalOf(value!)
    let name = this.#names.get(index)
    if (name === undefined) {
      const text = this.#text(index)
      name = `s${this.#names.size}`
      this.#names.set(index, name)
      this.lines.push(`let ${name} = ${text};`)
    }
    return name
  }

  /** Whether any of some conditions is greater than 0; `undefined` where there are none. */
  isAny(conditions: readonly number[]): string | undefined {
    if (conditions.length === 0) return undefined
    return `(${conditions.map((condition) => `${this.value(condition)} > 0f`).join(' || ')})`
  }

  #text(index: number): string {
    const { op, inputs, name } = this.#graph.nodes[index]!
    const column = this.#columns.get(index)
    if (column !== undefined) return `f32At(row + ${column}u)`
    if (op === 'input') return this.#reads.input(name!)
    if (op === 'sum') return this.#reads.sum!(index)
    if (!isValueOp(op)) throw new Error(`no scalar is a ${op}`)
    return expressionOf(
      op,
      inputs.map((input) => this.value(input)),
    )
  }
}

/** How a kernel of a form reads the inputs of a parameter `k`. */
export function parameterReads(form: Form, sumText: string): ScalarReads {
  const { profile, scalarSlots } = form
  const at = (word: number, offset = 0): string => `f32At(word(k, ${word}u) + ${offset}u)`
  return {
    input(name) {
      if (name === 'loss') return `f32At(${stateWords.loss}u)`
      if (name === 'scale') return at(metaWords.scale)
      if (name === 'clip') return at(metaWords.clip)
      const total = profile.totals.indexOf(name)
      if (total !== -1) return at(metaWords.totals, total)
      const [kind, of] = name.split('.') as [string, string]
      if (kind === 'shared') return at(metaWords.shared, 2 * profile.shared.names.indexOf(of))
      return at(metaWords.scalars, 2 * scalarSlots.indexOf(of))
    },
    sum: (node) => `${sumText}(word(k, ${sumWord(form, node)}u), word(k, ${sumWord(form, node) + 1}u))`,
  }
}
