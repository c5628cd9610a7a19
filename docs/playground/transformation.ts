import * as core from '@induced-metric/core'
import { bases, type BaseId } from './bases.js'
import { derivative, parseFormula, type Formula } from './formula.js'
import type { Settings } from './settings.js'

/** A run's hyperparameters that may be functions of the step, so that one optimiser serves many runs. */
export interface Scheduled {
  readonly learningRate?: () => number
  readonly xi?: () => number
}

/** The base, with its momentum. */
export function createBase(id: BaseId, momentum: number): core.Preconditioner {
  const option = bases[id]
  const factory = core[id] as (options?: Record<string, number>) => core.Preconditioner
  return factory(option === undefined ? {} : { [option]: momentum })
}

/** A formula of L in the core's algebra. */
export function recordFormula(formula: Formula, loss: core.Expr): core.Operand {
  const { add, sub, mul, div, pow, square, exp, log, sqrt, abs, sign } = core.algebra
  const of = (part: Formula): core.Operand => recordFormula(part, loss)
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
        throw new core.InducedMetricError('ERR_NOT_SUPPORTED', `f(L) has no ${name}; use ${Object.keys(known).join(', ')}`)
      return known[name](of(formula.argument))
    }
  }
}

/** The embedding, with its floor. */
export function createEmbedding({ embedding, embeddingFormula, floor }: Settings): core.Embedding {
  if (embedding === 'identity') return core.identity()
  if (embedding !== 'own') return core[embedding]({ floor })
  const slope = derivative(parseFormula(embeddingFormula, ['L']), 'L')
  return core.defineEmbedding({
    name: 'own',
    slope: (loss) => core.algebra.add(recordFormula(slope, loss), 0),
    descends: () => 1,
  })()
}

/**
 * The optimiser that settings mean.
 *
 * @throws FormulaError for a typed embedding that is none; InducedMetricError for options that the core refuses
 */
export function createTransformation(settings: Settings, scheduled: Scheduled = {}): core.Transformation {
  const { base, momentum, rate, xiMode, beta } = settings
  const learningRate = scheduled.learningRate ?? rate
  return core.inducedMetric(createBase(base, momentum), {
    learningRate,
    xi: scheduled.xi ?? { number: settings.xi, rate: { perRate: settings.perRate }, off: 0 }[xiMode],
    beta,
    embedding: createEmbedding(settings),
    onBadLoss: 'zero',
  })
}

/** The optimiser beside it: a base at the same learning rate. */
export function createBeside({ base, momentum, rate, beside }: Settings): core.Transformation {
  return core.inducedMetric(createBase(beside === 'same' ? base : 'heavyBall', momentum), {
    learningRate: rate,
    xi: 0,
  })
}
