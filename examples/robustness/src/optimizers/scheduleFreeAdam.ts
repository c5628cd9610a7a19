import { zerosLike, type OptimizerEntry, type Setup, type StudyOptimizer } from './optimizer.js'

const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8

/**
 * Schedule-Free AdamW without warm-up and weight decay (Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky, "The Road Less
 * Scheduled", arXiv:2405.15682, algorithm 1). Gradients are taken at y = (1 − β₁)z + β₁x, which is what the parameters hold;
 * with γ = η√(1 − β₂ᵗ), z ← z − γ·g/(√v + ε), and x, which is evaluated, is the average of all z with weights γ².
 */
export const scheduleFreeAdam: OptimizerEntry = {
  id: 'schedule-free-adam',
  title: 'Schedule-Free Adam',
  description:
    'Evaluates an average of its iterates, in place of a decay of the learning rate (arXiv:2405.15682).',
  create,
}

function create({ parameters, rate }: Setup): StudyOptimizer {
  const leading = parameters.map(({ data }) => data.slice())
  const averaged = parameters.map(({ data }) => data.slice())
  const squares = parameters.map(({ data }) => zerosLike(data))
  let [t, weights] = [0, 0]
  return {
    step(gradients) {
      t++
      const gamma = rate * Math.sqrt(1 - BETA2 ** t)
      weights += gamma ** 2
      const share = weights === 0 ? 0 : gamma ** 2 / weights
      parameters.forEach(({ data }, place) => {
        const [g, v] = [gradients[place]!, squares[place]!]
        const [x, z] = [averaged[place]!, leading[place]!]
        for (let i = 0; i < data.length; i++) {
          v[i] = BETA2 * v[i]! + (1 - BETA2) * g[i]! ** 2
          z[i]! -= (gamma * g[i]!) / (Math.sqrt(v[i]!) + EPSILON)
          x[i] = (1 - share) * x[i]! + share * z[i]!
          data[i] = (1 - BETA1) * z[i]! + BETA1 * x[i]!
        }
      })
    },
    evaluated: () => averaged,
  }
}
