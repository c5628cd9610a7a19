import { input, mul, type Expr } from '../graph/algebra.js'
import { unsupported, type InducedMetricError } from '../errors.js'
import { buildGraph, type Graph, type GraphNode } from '../graph/graph.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import { recordUpdate } from '../transformation/recordUpdate.js'

/**
 * A base's preconditioner as a recorded computation. Inputs: those of a step's graph, and the tensor `ones`, which is 1
 * everywhere. Outputs: `direction` (P m̂) and `diagonal` (the diagonal of P).
 */
export interface PreconditionerGraph extends Graph {
  /** Whether the direction is P g: the base has no momentum. */
  readonly isPlain: boolean
}

/**
 * Records the diagonal of a base's P from its own definition. With the new values of the slots held fixed, the direction of a
 * base without momentum is P g, and the dual of every other base is g · P g. They are linear and quadratic in g, so each
 * equals P at g = 1.
 *
 * @throws ERR_NOT_SUPPORTED when the base takes matrices, or when neither is of that form, as with a sign
 */
export function recordPreconditioner(base: Preconditioner): PreconditionerGraph {
  if (base.definition.matrix === true) throw unsuitable(base, 'it takes matrices, on which P is not diagonal')
  const gradient = input('gradient', 'tensor')
  const update = recordUpdate(base, gradient, input('parameter', 'tensor'), 'tensor', {
    isMatrix: false,
    tall: false,
    rows: 'outputs',
  })
  const { direction, dual, slots, parameter, totals, shared, normals } = update
  const isElementwise =
    !parameter &&
    totals.length + normals.length + Object.keys(shared).length === 0 &&
    Object.values(slots).every(({ next }) => next.shape === 'tensor')
  if (!isElementwise)
    throw unsuitable(base, 'it computes its step from more than the elements of the gradient')
  const outputs: Record<string, Expr> = { direction, dual: dual ?? mul(gradient, direction) }
  for (const [name, { next }] of Object.entries(slots)) outputs[`slot.${name}`] = next
  // The graph merges equal expressions, so a slot's new value is found wherever it occurs.
  const graph = buildGraph(outputs)
  const held = new Set(Object.keys(slots).map((name) => graph.outputs[`slot.${name}`]!))
  const forms = formsOf(graph.nodes, held)
  const unknown = graph.nodes.find(({ op, name }) => op === 'input' && unknownInputs.has(name!))
  if (unknown) throw unsuitable(base, `it reads ${unknown.name}, which is not known here`)
  const linear = forms[graph.outputs['direction']!]!
  const quadratic = forms[graph.outputs['dual']!]!
  const isPlain = linear.degree === 1
  if (!isPlain && quadratic.degree !== 2) throw unsuitable(base, 'its dual is not g · P g with a diagonal P')
  const diagonal = isPlain ? linear.atOne : quadratic.atOne
  return { ...buildGraph({ direction, diagonal }), isPlain }
}

const unknownInputs: ReadonlySet<string> = new Set(['scale', 'loss', 'profileStep'])

function unsuitable({ name }: Preconditioner, reason: string): InducedMetricError {
  return unsupported(
    `perExample cannot take ${name} as its base: ${reason}; take sgd, heavyBall, adam, rmsprop or adagrad`,
  )
}

/** A node as a form in g, with the held nodes fixed. */
interface Form {
  readonly expr: Expr
  /** The same at g = 1. */
  readonly atOne: Expr
  /** The d for which it is gᵈ times something without g; NaN when there is none. */
  readonly degree: number
}

function formsOf(nodes: readonly GraphNode[], held: ReadonlySet<number>): Form[] {
  const forms: Form[] = []
  const ones = input('ones', 'tensor')
  nodes.forEach(({ op, inputs, shape, value, name }, index) => {
    const of = inputs.map((i) => forms[i]!)
    const rebuilt = (arguments_: readonly Expr[]): Expr => ({
      op,
      inputs: arguments_,
      shape,
      ...(value !== undefined && { value }),
      ...(name !== undefined && { name }),
    })
    const expr = rebuilt(of.map((form) => form.expr))
    if (op === 'input' && name === 'gradient') forms.push({ expr, atOne: ones, degree: 1 })
    else if (held.has(index)) forms.push({ expr, atOne: expr, degree: 0 })
    else {
      const degree = degreeOf(
        op,
        of.map((form) => form.degree),
      )
      forms.push({ expr, atOne: rebuilt(of.map((form) => form.atOne)), degree })
    }
  })
  return forms
}

function degreeOf(op: GraphNode['op'], [a = 0, b = 0, c = 0]: readonly number[]): number {
  switch (op) {
    case 'mul':
      return a + b
    case 'square':
      return 2 * a
    case 'div':
      return b === 0 ? a : NaN
    case 'add':
    case 'sub':
      return a === b ? a : NaN
    case 'neg':
      return a
    default:
      return a === 0 && b === 0 && c === 0 ? 0 : NaN
  }
}
