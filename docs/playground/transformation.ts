import {
  algebra,
  defineEmbedding,
  identity,
  inducedMetric,
  InducedMetricError,
  log,
  logDamped,
  root,
  type Embedding,
  type Expr,
  type Operand,
  type Preconditioner,
  type Transformation,
} from '@induced-metric/core'
import { bases, type BaseId } from './bases.js'
import { derivative, type Formula } from './formula.js'
import { factoryOf, parserOf } from './parts.js'
import type { Settings } from './settings.js'

/** A run's hyperparameters that may be functions of the step, so that one optimiser serves many runs. */
export interface Scheduled {
  readonly learningRate?: () => number
  readonly xi?: () => number
}

/** The base, with its momentum. */
function createBase(id: BaseId, momentum: number): Preconditioner {
  const option = bases[id]
  return factoryOf(id)(option === undefined ? {} : { [option]: momentum })
}

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

/** The embedding, with its floor. */
function createEmbedding({ embedding, embeddingFormula, floor }: Settings): Embedding {
  if (embedding === 'identity') return identity()
  if (embedding !== 'own') return { root, log, logDamped }[embedding]({ floor })
  const slope = derivative(parserOf()(embeddingFormula, ['L']), 'L')
  return defineEmbedding({
    name: 'own',
    slope: (loss) => algebra.add(recordFormula(slope, loss), 0),
    descends: () => 1,
  })()
}

/**
 * The optimiser that settings mean, whose parts have been loaded.
 *
 * @throws FormulaError for a typed embedding that is none; InducedMetricError for options that the core refuses
 */
export function createTransformation(settings: Settings, scheduled: Scheduled = {}): Transformation {
  const { base, momentum, rate, xiMode, beta } = settings
  const learningRate = scheduled.learningRate ?? rate
  return inducedMetric(createBase(base, momentum), {
    learningRate,
    xi: scheduled.xi ?? { number: settings.xi, rate: { perRate: settings.perRate }, off: 0 }[xiMode],
    beta,
    embedding: createEmbedding(settings),
    onBadLoss: 'zero',
  })
}

/** The optimiser beside it: a base at the same learning rate. */
export function createBeside({ base, momentum, rate, beside }: Settings): Transformation {
  return inducedMetric(createBase(beside === 'same' ? base : 'heavyBall', momentum), {
    learningRate: rate,
    xi: 0,
  })
}
