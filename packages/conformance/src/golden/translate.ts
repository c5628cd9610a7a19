import type { PlainBase, PlainTransformation } from '../plain.js'
import type { GoldenCase, SmallFunctionRow } from './types.js'

/** A golden case in the terms of this project. */
export interface Translated {
  readonly transformation: PlainTransformation
  /** Weight decay that the reference adds to the gradient (as wd·θ), before everything else. */
  readonly coupledDecay: number
}

/** The transformation that a golden case describes. A learning rate that changes is a `piecewise` schedule. */
export function translate(golden: GoldenCase): Translated {
  const { base, embedding, hyperparameters } = golden
  const number = (key: string, otherwise = 0): number =>
    (hyperparameters[key] as number | undefined) ?? otherwise
  const [beta1, beta2] = (hyperparameters['betas'] as [number, number] | undefined) ?? [0.9, 0.999]
  const decoupled = embedding !== 'none' || base === 'adamw' || base === 'muon'
  const weightDecay = number('weight_decay')

  let plain: PlainBase
  if (embedding !== 'none') {
    plain =
      base === 'rms'
        ? { name: 'adam', beta1: number('momentum'), beta2: number('beta_rms'), epsilon: number('eps') }
        : { name: 'sgd', momentum: number('momentum') }
  } else if (base === 'sgd') {
    plain = {
      name: 'heavyBall',
      momentum: number('momentum'),
      nesterov: hyperparameters['nesterov'] === true,
    }
  } else if (base === 'adam' || base === 'adamw') {
    plain = { name: 'adam', beta1, beta2, epsilon: number('eps', 1e-8) }
  } else if (base === 'rmsprop') {
    plain = {
      name: 'rmsprop',
      decay: number('alpha'),
      epsilon: number('eps'),
      momentum: number('momentum'),
      centered: hyperparameters['centered'] === true,
    }
  } else if (base === 'adagrad') {
    plain = {
      name: 'adagrad',
      epsilon: number('eps'),
      initialAccumulator: number('initial_accumulator_value'),
    }
  } else if (base === 'muon') {
    plain = { name: 'muon', momentum: number('momentum') }
  } else {
    throw new Error(`golden base ${base} is not known`)
  }

  const rates: number[] = []
  for (const [i, step] of golden.steps.entries()) {
    rates.push(
      step.lr ??
        (i === 0 || 'lr_decay' in hyperparameters
          ? number('lr') / (1 + i * number('lr_decay'))
          : rates[i - 1]!),
    )
  }
  const changes = rates.some((rate) => rate !== rates[0])
  return {
    transformation: {
      base: plain,
      learningRate: changes
        ? { schedule: 'piecewise', values: rates, boundaries: rates.slice(1).map((_, i) => i + 1) }
        : rates[0]!,
      xi: embedding === 'none' ? 0 : number('xi'),
      beta: embedding === 'none' ? 0.8 : number('beta'),
      embedding: { name: embedding === 'none' ? 'identity' : embedding },
      ...(decoupled && weightDecay > 0 ? { weightDecay } : {}),
      // At L = 0 the reference continues with the formula's limit, a factor of 0.
      ...(embedding === 'log' ? { onBadLoss: 'zero' as const } : {}),
    },
    coupledDecay: decoupled ? 0 : weightDecay,
  }
}

/** The transformation of a row of the small functions. */
export function translateRow(row: SmallFunctionRow): PlainTransformation {
  const h = row.hyperparameters
  const learningRate = h['learning_rate']!
  switch (row.optimiser) {
    case 'sgd':
      return { base: { name: 'heavyBall', momentum: h['momentum'] }, learningRate, xi: 0 }
    case 'adam':
      return {
        base: { name: 'adam', beta1: h['b1'], beta2: h['b2'], epsilon: h['eps'] },
        learningRate,
        xi: 0,
      }
    case 'muon':
      // Vectors never use Newton–Schulz. This is the fallback, Adam with Nesterov momentum.
      return {
        base: { name: 'muon', momentum: h['beta'] },
        fallback: {
          name: 'adam',
          beta1: h['adam_b1'],
          beta2: h['adam_b2'],
          epsilon: h['eps'],
          nesterov: true,
        },
        learningRate,
        xi: 0,
      }
    case 'custom_sgd':
    case 'custom_sgd_log':
      return {
        base: { name: 'sgd', momentum: h['momentum'] },
        learningRate,
        xi: h['xi']!,
        beta: h['beta']!,
        embedding: { name: row.optimiser === 'custom_sgd' ? 'identity' : 'log' },
      }
    case 'custom_sgd_rms':
      return {
        base: { name: 'adam', beta1: h['momentum'], beta2: h['beta_rms'], epsilon: h['eps'] },
        learningRate,
        xi: h['xi']!,
        beta: h['beta']!,
      }
    default:
      throw new Error(`golden optimiser ${row.optimiser} is not known`)
  }
}
