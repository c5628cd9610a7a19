import { evaluateScalar } from '../../graph/algebra.js'
import { neededNodes, type Graph } from '../../graph/graph.js'
import { sizeOf } from '../../shape.js'
import { missingInput, type Evaluation } from '../evaluate.js'
import { isValueOp } from './glsl.js'
import { ProgramText, type ProgramReads } from './programText.js'
import { Candidates, candidateCount, type Fusion } from './shaders.js'

/** A value of a step by programs. */
export type FusedValue<T> = T | number | Candidates<T>

/** Whether programs can compute outputs of a graph: every element from those at its place, and from sums. */
export function isFusable(graph: Graph, outputs: readonly string[]): boolean {
  return analyse(graph, outputs).isFusable
}

/** What follows from a graph alone. */
interface Analysis {
  readonly isFusable: boolean
  /** Its sums, and what has to be known before each: the scalars that all parameters decide, and other sums. */
  readonly sums: ReadonlyMap<number, string>
}

/** By list of outputs: that is the same list at every step. */
const analyses = new WeakMap<readonly string[], { readonly graph: Graph; readonly analysis: Analysis }>()

function analyse(graph: Graph, outputs: readonly string[]): Analysis {
  const found = analyses.get(outputs)
  if (found?.graph === graph) return found.analysis
  const needed = neededNodes(graph, outputs)
  const sums = needed.filter((index) => graph.nodes[index]!.op === 'sum')
  const analysis = {
    isFusable: canFuse(graph, needed),
    sums: new Map(sums.map((sum) => [sum, knownBefore(graph, sum)])),
  }
  analyses.set(outputs, { graph, analysis })
  return analysis
}

function canFuse(graph: Graph, needed: readonly number[]): boolean {
  return needed.every((index) => {
    const { op, shape, name } = graph.nodes[index]!
    const isKnown = op === 'constant' || op === 'input' || op === 'sum' || isValueOp(op)
    return isKnown && (shape === 'scalar' || shape === 'tensor') && !name?.startsWith('normal.')
  })
}

function knownBefore({ nodes }: Graph, sum: number): string {
  const found = new Set<string>()
  const seen = new Set<number>()
  const visit = (at: number): void => {
    if (seen.has(at)) return
    seen.add(at)
    const { op, inputs, name } = nodes[at]!
    if (op === 'sum') found.add(String(at))
    if (op === 'input' && /^(?:clip|scale|total\.)/.test(name!)) found.add(name!)
    inputs.forEach(visit)
  }
  visit(nodes[sum]!.inputs[0]!)
  return [...found].sort().join()
}

/** Begins the evaluation of a graph, one program for each output and one for sums over the same tensors. */
export function evaluateFused<T extends object>(
  graph: Graph,
  outputs: readonly string[],
  fusion: Fusion<T>,
  supply: (name: string) => FusedValue<T> | undefined,
): Evaluation<FusedValue<T>> {
  return new FusedEvaluation(graph, outputs, fusion, supply)
}

/** The elements that a program adds up, at the least. */
const shortestPart = 64

class FusedEvaluation<T extends object> implements Evaluation<FusedValue<T>> {
  readonly #graph: Graph
  readonly #outputs: readonly string[]
  readonly #fusion: Fusion<T>
  readonly #supply: (name: string) => FusedValue<T> | undefined
  readonly #inputs = new Map<string, FusedValue<T>>()
  readonly #host = new Map<number, number | Candidates<T> | undefined>()
  readonly #made = new Map<number, T>()
  readonly #parts = new Map<number, { readonly tensor: T; readonly first: number; readonly count: number }>()

  constructor(
    graph: Graph,
    outputs: readonly string[],
    fusion: Fusion<T>,
    supply: (name: string) => FusedValue<T> | undefined,
  ) {
    this.#graph = graph
    this.#outputs = outputs
    this.#fusion = fusion
    this.#supply = supply
  }

  get(output: string): FusedValue<T> {
    return this.#value(this.#graph.outputs[output]!)
  }

  /** The new value of an input, or the old one if the step is refused. */
  own(output: string): FusedValue<T> {
    const index = this.#graph.outputs[output]!
    const old = this.#input(output) as T
    const shape = this.#fusion.shape(old)
    const { verdict, runner } = this.#fusion
    if (sizeOf(shape) === 0) return this.#fusion.clone(old)
    const text = this.#text(index)
    const result = text.value(index)
    const kept = verdict && {
      condition: text.read(verdict, '0'),
      value: text.read(old, shape.length === 0 ? '0' : 'i'),
    }
    return runner.run(text.finish(result, kept), text.inputs, text.numbers, shape)
  }

  scaled(output: string): { readonly factor: number; readonly value: FusedValue<T> } {
    return { factor: 1, value: this.get(output) }
  }

  abandon(): void {
    // The caller's scope frees what was made.
  }

  #value(index: number): FusedValue<T> {
    const { op, shape, name } = this.#graph.nodes[index]!
    if (op === 'input') return this.#input(name!)
    const host = shape === 'scalar' ? this.#numbers(index) : undefined
    if (host !== undefined) return host
    let made = this.#made.get(index)
    if (made === undefined) {
      const text = this.#text(index)
      const program = text.finish(text.value(index))
      made = this.#fusion.runner.run(program, text.inputs, text.numbers, this.#shapeOf(index))
      this.#made.set(index, made)
    }
    return made
  }

  #text(index: number): ProgramText<T> {
    return new ProgramText(this.#graph, this.#reads(), this.#graph.nodes[index]!.shape === 'scalar')
  }

  #reads(): ProgramReads<T> {
    return {
      host: (index) => this.#numbers(index),
      tensor: (index) => this.#value(index) as T,
      parts: (index) => this.#partsOf(index),
    }
  }

  #input(name: string): FusedValue<T> {
    let value = this.#inputs.get(name)
    if (value === undefined) {
      value = this.#supply(name)
      if (value === undefined) throw missingInput(name)
      this.#inputs.set(name, value)
    }
    return value
  }

  /** The number that a scalar is if the host knows it. */
  #numbers(index: number): number | Candidates<T> | undefined {
    if (!this.#host.has(index)) this.#host.set(index, this.#compute(index))
    return this.#host.get(index)
  }

  #compute(index: number): number | Candidates<T> | undefined {
    const { op, inputs, name, value } = this.#graph.nodes[index]!
    if (op === 'constant') return value!
    if (op === 'input') {
      const given = this.#input(name!)
      return typeof given === 'number' || given instanceof Candidates ? given : undefined
    }
    if (!isValueOp(op)) return undefined
    const operands = inputs.map((input) => this.#numbers(input))
    if (operands.includes(undefined)) return undefined
    const counts = new Set(operands.flatMap((x) => (x instanceof Candidates ? [x.refused] : [])))
    // What depends on two counts is computed by the device.
    if (counts.size > 1) return undefined
    const [refused] = counts
    const [a, b = 0, c = 0] = operands as (number | Candidates<T>)[]
    const at = (x: number | Candidates<T>, i: number): number => (typeof x === 'number' ? x : x.values[i]!)
    return this.#fusion.numbers.get(op, operands as (number | Candidates<T>)[], () => {
      if (refused === undefined) return evaluateScalar(op, a as number, b as number, c as number)
      const values: number[] = []
      for (let i = 0; i < candidateCount; i++) values.push(evaluateScalar(op, at(a!, i), at(b, i), at(c, i)))
      return new Candidates(values, refused)
    })
  }

  #shapeOf(index: number): readonly number[] {
    return this.#graph.nodes[index]!.shape === 'scalar' ? [] : this.#tensorShape()
  }

  /** The shape of the tensors of the graph, which are all alike. */
  #tensorShape(): readonly number[] {
    return this.#fusion.shape(this.#input('gradient') as T)
  }

  /** The parts of a sum, and of all others that can be added up with it. */
  #partsOf(index: number): { readonly tensor: T; readonly first: number; readonly count: number } {
    const known = this.#parts.get(index)
    if (known) return known
    const { nodes } = this.#graph
    const { sums: all } = analyse(this.#graph, this.#outputs)
    const sums = [...all.keys()].filter((sum) => all.get(sum) === all.get(index))
    const size = sizeOf(this.#tensorShape())
    // No program reads a tensor without elements.
    if (size === 0) return { tensor: this.#input('gradient') as T, first: 0, count: 0 }
    const length = Math.max(shortestPart, Math.ceil(Math.sqrt(size)))
    const count = Math.ceil(size / length)
    const text = new ProgramText(this.#graph, this.#reads(), false)
    const operands = sums.map((sum) => text.value(nodes[sum]!.inputs[0]!))
    const program = text.finishParts(operands, size, length, count)
    const tensor = this.#fusion.runner.run(program, text.inputs, text.numbers, [sums.length * count])
    sums.forEach((sum, which) => this.#parts.set(sum, { tensor, first: which * count, count }))
    return this.#parts.get(index)!
  }
}
