import type { Graph } from '../../../graph/graph.js'
import type { Bytes } from './encoder.js'
import { get, tee, type Locals } from './instructions.js'
import type { Loop } from './loop.js'
import type { VectorType } from './vectors.js'

/**
 * Sums of quotients, as s of Adam, with half as many divisions: a/b + c/d = a·(d·r) + c·(b·r) with r = 1/(b·d). A
 * division takes several times as long as a product, and such a sum takes two neighbouring vectors at a time.
 */

/** The locals of a numerator and a denominator. */
export type Fraction = readonly [numerator: number, denominator: number]

/** The locals of two quotients that share a division: those of an even vector and of the odd one after it. */
export type FractionPair = readonly [even: Fraction, odd: Fraction]

/** New locals for a pair of quotients. */
export function addFractionPair(locals: Locals): FractionPair {
  const fraction = (): Fraction => [locals.add('v128'), locals.add('v128')]
  return [fraction(), fraction()]
}

/**
 * The sum of two quotients by one division.
 *
 * @param scratch a local to overwrite
 */
export function addQuotients(type: VectorType, [[a, b], [c, d]]: FractionPair, scratch: number): Bytes {
  const product = [get(b), get(d), type.op.mul]
  const r = [type.constant(1), product, type.op.div, tee(scratch)]
  const left = [get(a), get(d), r, type.op.mul, type.op.mul]
  const right = [get(c), get(b), get(scratch), type.op.mul, type.op.mul]
  return [left, right, type.op.add]
}

/**
 * Whether a node is x/√y or x/(√y + scalar), as in Adam, so that two of them can share a division. The product of the
 * two roots overflows only where their squares do. Where it vanishes, the sum is not finite and is computed again,
 * element by element.
 */
export function isBoundedQuotient(graph: Graph, loop: Loop, node: number): boolean {
  const { op, inputs } = graph.nodes[node]!
  const isRoot = (i: number): boolean => graph.nodes[i]!.op === 'sqrt'
  const denominator = graph.nodes[inputs[1]!]
  if (op !== 'div' || denominator === undefined || loop.loads.includes(node)) return false
  if (denominator.op !== 'add') return isRoot(inputs[1]!)
  return denominator.inputs.some(isRoot) && denominator.inputs.some((i) => graph.nodes[i]!.shape === 'scalar')
}
