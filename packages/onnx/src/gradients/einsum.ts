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
  const { node, emit, give, wants, required, requiredGradient, ints, rankOf, extentsOf, reduceTo, shapeOf } =
    context
  const given = node.input.map((_, i) => required(i))
  const equation = parse(
    context,
    given.map((input) => rankOf(input)),
  )
  const { result } = equation
  const operands = given.map((name, i) => operandOf(context, name, equation.terms[i]!))
  const [inputs, terms] = [operands.map(({ name }) => name), operands.map(({ term }) => term)]
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
    if (mayBeStretched) gradient = reduceTo(gradient, inputs[index]!, gradient)
    const { whole } = operands[index]!
    give(index, whole ? besideZeros(context, gradient, whole) : gradient)
  })
}

/** An operand whose term has no letter twice: where one has, the diagonal along its axes. */
interface Operand {
  readonly name: string
  readonly term: string
  /** The operand itself and its term, of which this is the diagonal. */
  readonly whole: { readonly name: string; readonly term: string } | undefined
}

function operandOf(context: GradientContext, name: string, term: string): Operand {
  const letters = [...new Set(term)].join('')
  if (letters === term) return { name, term, whole: undefined }
  const { emit, describe, extentsOf, realTypeOf } = context
  const own = extentsOf(name)
  const diagonal = emit('Einsum', [name], { equation: `${term}->${letters}` })
  describe(diagonal, {
    dataType: realTypeOf(name),
    shape: letters.split('').map((letter) => own[term.indexOf(letter)]),
  })
  return { name: diagonal, term: letters, whole: { name, term } }
}

/** Puts the gradient of a diagonal in its place, with zeros beside it. */
function besideZeros(
  context: GradientContext,
  gradient: string,
  { name, term }: { name: string; term: string },
): string {
  const { emit, int, ints, reals, realTypeOf, shapeOf } = context
  const axes = term.split('').map((letter, axis) => ({ axis, first: term.indexOf(letter) }))
  const again = axes.filter(({ axis, first }) => axis !== first)
  const positions = (axis: number): string => {
    const extent = emit('Gather', [shapeOf(name), int(axis)])
    const others = axes.map((other) => other.axis).filter((other) => other !== axis)
    return emit('Unsqueeze', [emit('Range', [int(0), extent, int(1)]), ints(others)])
  }
  const isOn = again
    .map(({ axis, first }) => emit('Equal', [positions(axis), positions(first)]))
    .reduce((a, b) => emit('And', [a, b]))
  const wide = emit('Unsqueeze', [gradient, ints(again.map(({ axis }) => axis))])
  return emit('Where', [isOn, wide, reals([0], realTypeOf(name))])
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
