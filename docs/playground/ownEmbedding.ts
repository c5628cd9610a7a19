import {
  algebra,
  defineEmbedding,
  InducedMetricError,
  type Embedding,
  type Expr,
  type Operand,
} from '@induced-metric/core'
import { derivative, type Formula } from './formula.js'
import { parseFormula } from './parse.js'

/** A formula of L in the core's algebra. */
function recordFormula(formula: Formula, loss: Expr): Operand {
  const { add, sub, mul, div, pow, square, exp, log, sqrt, abs, sign } = algebra
  const of = (part: Formula): Operand => recordFormula(part, loss)
  switch (formula.kind) {
    case 'number':
      return formula.value
    case 'variable':
      return loss
    case 'binary': {
      const [a, b] = [of(formula.left), of(formula.right)]
      if (formula.op === '^') return b === 2 ? square(a) : pow(a, b)
      return { '+': add, '-': sub, '*': mul, '/': div }[formula.op](a, b)
    }
    case 'call': {
      const known = { exp, log, sqrt, abs, sign } as const
      const { name } = formula
      if (name === 'sin' || name === 'cos' || name === 'tanh')
        throw new InducedMetricError(
          'ERR_NOT_SUPPORTED',
          `f(L) has no ${name}; use ${Object.keys(known).join(', ')}`,
        )
      return known[name](of(formula.argument))
    }
  }
}

/**
 * The embedding whose f(L) is a formula.
 *
 * @throws FormulaError for a text that is none
 */
export function createOwnEmbedding(text: string): Embedding {
  const slope = derivative(parseFormula(text, ['L']), 'L')
  return defineEmbedding({
    name: 'own',
    slope: (loss) => algebra.add(recordFormula(slope, loss), 0),
    descends: () => 1,
  })()
}
