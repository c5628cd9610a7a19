import { zerosLike, type OptimizerEntry, type Setup, type StudyOptimizer } from './optimizer.js'

const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8
/** The first guess of the distance to the solution. */
const DISTANCE = 1e-6

/**
 * Prodigy over Adam without weight decay (Mishchenko and Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner",
 * arXiv:2306.06101, algorithm 4): its step is γ·d times Adam's, with d a growing lower bound of the distance to the solution,
 * d ← max(d, r/‖s‖₁). γ, 1 by default, replaces the learning rate.
 */
export const prodigy: OptimizerEntry = {
  id: 'prodigy',
  title: 'Prodigy',
  description:
    'Estimates the distance to the solution and steps in proportion; the rate is its coefficient (arXiv:2306.06101).',
  rateName: 'coefficient',
  create,
}

function create({ parameters, rate }: Setup): StudyOptimizer {
  const start = parameters.map(({ data }) => data.slice())
  const momentum = parameters.map(({ data }) => zerosLike(data))
  const squares = parameters.map(({ data }) => zerosLike(data))
  const sums = parameters.map(({ data }) => zerosLike(data))
  const root = Math.sqrt(BETA2)
  let [distance, numerator] = [DISTANCE, 0]
  return {
    step(gradients) {
      const weight = (1 - root) * rate * distance ** 2
      // ⟨g, θ₀ − θ⟩ and ‖s‖₁.
      let [product, norm] = [0, 0]
      parameters.forEach(({ data }, place) => {
        const [g, first] = [gradients[place]!, start[place]!]
        const [m, v, s] = [momentum[place]!, squares[place]!, sums[place]!]
        for (let i = 0; i < data.length; i++) {
          m[i] = BETA1 * m[i]! + (1 - BETA1) * distance * g[i]!
          v[i] = BETA2 * v[i]! + (1 - BETA2) * (distance * g[i]!) ** 2
          s[i] = root * s[i]! + weight * g[i]!
          product += g[i]! * (first[i]! - data[i]!)
          norm += Math.abs(s[i]!)
        }
      })
      numerator = root * numerator + weight * product
      parameters.forEach(({ data }, place) => {
        const [m, v] = [momentum[place]!, squares[place]!]
        for (let i = 0; i < data.length; i++)
          data[i]! -= (rate * distance * m[i]!) / (Math.sqrt(v[i]!) + distance * EPSILON)
      })
      if (norm > 0) distance = Math.max(distance, numerator / norm)
    },
  }
}
