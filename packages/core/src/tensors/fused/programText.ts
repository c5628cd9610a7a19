import type { Graph } from '../../graph/graph.js'
import { arithmetic, expressionOf, isValueOp, literalOf } from './glsl.js'
import { candidateCount, type Candidates, type ShaderProgram } from './shaders.js'

/** How a program reads what is not computed in it. */
export interface ProgramReads<T> {
  /** The number of the host that a scalar is; `undefined` if the device computes it. */
  host(index: number): number | Candidates<T> | undefined
  /** A tensor in memory: an input, or a sum in a program over elements. */
  tensor(index: number): T
  /** The parts of a sum: where they begin in a tensor, and how many they are. */
  parts(index: number): { readonly tensor: T; readonly first: number; readonly count: number }
}

/** The text of a program, and what it is run with. */
export class ProgramText<T> {
  readonly inputs: T[] = []
  readonly numbers: number[] = []
  readonly #graph: Graph
  readonly #reads: ProgramReads<T>
  /** Whether it computes one number: then it adds up the parts of sums itself. */
  readonly #isScalar: boolean
  readonly #names = new Map<number, string>()
  /** Statements before the elements, and those for each. */
  readonly #before: string[] = []
  readonly #each: string[] = []
  readonly #rows = new Map<T, string>()

  constructor(graph: Graph, reads: ProgramReads<T>, isScalar: boolean) {
    this.#graph = graph
    this.#reads = reads
    this.#isScalar = isScalar
  }

  /** An expression that reads an element of a tensor. */
  read(tensor: T, at: string): string {
    let place = this.inputs.indexOf(tensor)
    if (place === -1) place = this.inputs.push(tensor) - 1
    return `read${place}(${at})`
  }

  /** An expression of a node, at the element `i` if it is a tensor. */
  value(index: number): string {
    const { op, inputs, shape, value } = this.#graph.nodes[index]!
    if (op === 'constant') return literalOf(value!)
    let name = this.#names.get(index)
    if (name !== undefined) return name
    const lines = shape === 'scalar' ? this.#before : this.#each
    const host = shape === 'scalar' ? this.#reads.host(index) : undefined
    let text: string
    if (host !== undefined) text = this.#number(host)
    else if (op === 'input') text = this.read(this.#reads.tensor(index), shape === 'scalar' ? '0' : 'i')
    else if (op === 'sum')
      text = this.#isScalar ? this.#sum(index) : this.read(this.#reads.tensor(index), '0')
    else if (isValueOp(op))
      text = expressionOf(
        op,
        inputs.map((input) => this.value(input)),
      )
    else throw new Error(`a program over elements computes no ${op}`)
    name = `v${this.#names.size}`
    this.#names.set(index, name)
    lines.push(`float ${name} = ${text};`)
    return name
  }

  #number(host: number | Candidates<T>): string {
    const column = this.numbers.length
    if (typeof host === 'number') {
      this.numbers.push(host)
      return `numbers[${column}]`
    }
    this.numbers.push(...host.values)
    let row = this.#rows.get(host.refused)
    if (row === undefined) {
      row = `row${this.#rows.size}`
      this.#rows.set(host.refused, row)
      const refused = this.read(host.refused, '0')
      this.#before.push(`int ${row} = min(int(${refused} + 0.5), ${candidateCount - 1});`)
    }
    return `numbers[${column} + ${row}]`
  }

  #sum(index: number): string {
    const { tensor, first, count } = this.#reads.parts(index)
    if (count === 0) return '0.0'
    const name = `sum${index}`
    this.#before.push(
      `float ${name} = 0.0;`,
      `for (int j = 0; j < ${count}; j++) { ${name} += ${this.read(tensor, `${first} + j`)}; }`,
    )
    return name
  }

  /** The program of a value. `kept` is the expression of what it is unless the step is taken. */
  finish(result: string, kept?: { readonly condition: string; readonly value: string }): ShaderProgram {
    const choice = kept ? [`if (${kept.condition} > 0.0) { return ${kept.value}; }`] : []
    return this.#program([...choice, ...this.#before, ...this.#each, `return ${result};`])
  }

  /** The program of the parts of sums over a tensor of `size` elements, those of one sum after those of the other. */
  finishParts(operands: readonly string[], size: number, length: number, count: number): ShaderProgram {
    const added = operands.map((operand, which) => `if (which == ${which}) { total += ${operand}; }`)
    return this.#program([
      `int which = i / ${count};`,
      `int first = (i - which * ${count}) * ${length};`,
      ...this.#before,
      'float total = 0.0;',
      `for (int at = first; at < min(first + ${length}, ${size}); at++) {`,
      'int i = at;',
      ...this.#each,
      ...added,
      '}',
      'return total;',
    ])
  }

  #program(lines: readonly string[]): ShaderProgram {
    const code = `${arithmetic}float valueAt(int i) {\n${lines.join('\n')}\n}\n`
    return { code, inputs: this.inputs.length, numbers: this.numbers.length }
  }
}
