import { stringOf } from '../proto/attribute.js'
import type { GradientContext } from './context.js'

/** An equation with a letter for every axis, including those of ellipses. */
interface Equation {
  readonly terms: readonly string[]
  readonly result: string
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('')

/** Parses an equation for operands of the given ranks. */
function parse({ node, refuse }: GradientContext, ranks: readonly number[]): Equation {
  const equation = stringOf(node, 'equation', '').replace(/\s/g, '')
  const [left = '', right] = equation.split('->')
  const given = left.split(',')
  if (given.length !== ranks.length) {
    refuse(`its equation ${JSON.stringify(equation)} has ${given.length} terms for ${ranks.length} inputs`)
  }
  const unused = letters.filter((letter) => !equation.includes(letter))
  const hidden = given.map((term, i) => (term.includes('...') ? ranks[i]! - (term.length - 3) : 0))
  const longest = Math.max(...hidden)
  if (longest > unused.length) refuse('it has too many axes for the letters there are')
  const all = unused.slice(0, longest).join('')
  // Ellipses are aligned at their ends.
  const terms = given.map((term, i) => term.replace('...', all.slice(longest - hidden[i]!)))
  if (right !== undefined) return { terms, result: right.replace('...', all) }
  const once = letters.filter((letter) => left.split(letter).length === 2)
  return { terms, result: all + once.join('') }
}

/**
 * The gradient of a term is the contraction of the result's gradient with the other terms, to the term's own axes.
 * Along axes that no other term has, it is constant. Broadcast axes of length 1 are summed over.
 */
export function einsum(context: GradientContext): void {
  const {
    node,
    emit,
    give,
    wants,
    required,
    requiredGradient,
    ints,
    rankOf,
    extentsOf,
    reduceTo,
    shapeOf,
    refuse,
  } = context
  const inputs = node.input.map((_, i) => required(i))
  const { terms, result } = parse(
    context,
    inputs.map((input) => rankOf(input)),
  )
  for (const term of terms) {
    if (new Set(term).size !== term.length) {
      refuse('a letter that is twice in one term, a diagonal, has no gradient rule; take the diagonal before')
    }
  }
  const dY = requiredGradient(0)
  const extents = (letter: string) =>
    terms.flatMap((term, i) => (term.includes(letter) ? [extentsOf(inputs[i]!)[term.indexOf(letter)]] : []))
  terms.forEach((term, index) => {
    if (!wants(index)) return
    const own = extentsOf(inputs[index]!)
    const factors = [
      { name: dY, term: result },
      ...terms.flatMap((other, i) => (i === index ? [] : [{ name: inputs[i]!, term: other }])),
    ]
    const isElsewhere = (letter: string): boolean => factors.some((factor) => factor.term.includes(letter))
    const kept = term
      .split('')
      .filter((letter, axis) => own[axis] !== 1 && isElsewhere(letter))
      .join('')
    let gradient = contract(context, factors, kept)
    const missing = term.split('').flatMap((letter, axis) => (kept.includes(letter) ? [] : [axis]))
    if (missing.length > 0) gradient = emit('Unsqueeze', [gradient, ints(missing)])
    const isSettled = kept.split('').every((letter) => {
      const all = extents(letter)
      return all[0] !== undefined && all.every((extent) => extent === all[0])
    })
    const isWhole = isSettled && missing.every((axis) => own[axis] === 1)
    if (!isWhole) gradient = emit('Expand', [gradient, shapeOf(inputs[index]!)])
    const mayBeStretched = kept.split('').some((letter) => {
      const extent = own[term.indexOf(letter)]
      return (
        typeof extent !== 'number' && extents(letter).some((other) => other === undefined || other !== extent)
      )
    })
    give(index, mayBeStretched ? reduceTo(gradient, inputs[index]!, gradient) : gradient)
  })
}

/** The product of factors, summed over all axes but those named. Scalars are left to a Mul. */
function contract(
  { emit }: GradientContext,
  factors: readonly { readonly name: string; readonly term: string }[],
  result: string,
): string {
  const tensors = factors.filter(({ term }) => term !== '')
  const scalars = factors.filter(({ term }) => term === '').map(({ name }) => name)
  const [first] = tensors
  const values = [...scalars]
  if (tensors.length === 1 && first!.term === result) values.unshift(first!.name)
  else if (tensors.length === 1 && first!.term.length === result.length) {
    const perm = result.split('').map((letter) => first!.term.indexOf(letter))
    values.unshift(emit('Transpose', [first!.name], { perm }))
  } else if (tensors.length > 0) {
    const equation = `${tensors.map(({ term }) => term).join(',')}->${result}`
    values.unshift(
      emit(
        'Einsum',
        tensors.map(({ name }) => name),
        { equation },
      ),
    )
  }
  return values.reduce((a, b) => emit('Mul', [a, b]))
}
