import { zerosLike, type OptimizerEntry, type Setup, type StudyOptimizer } from './optimizer.js'

const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8
/** f_*, the lower bound of the loss. */
const FLOOR = 0

/**
 * MoMo-Adam without weight decay (Schaipp, Ohana, Eickenberg, Defazio and Gower, "MoMo: Momentum Models for Adaptive Learning
 * Rates", arXiv:2305.07583, algorithm 3): Adam whose step is limited to the one that takes the averaged model of the loss to its
 * lower bound, which is 0 here. With d, f̄ and γ̄ the averages of the gradient, of the loss and of ⟨g, θ⟩, and D = √v̂ + ε,
 * τ = min(η/(1 − β₁ᵗ), (f̄ + ⟨d, θ⟩ − γ̄ − (1 − β₁ᵗ)·f_*)₊ / Σ d²/D) and θ ← θ − τ·d/D.
 */
export const momoAdam: OptimizerEntry = {
  id: 'momo-adam',
  title: 'MoMo-Adam',
  description:
    'Its step is limited to the one that takes an averaged model of the loss to 0 (arXiv:2305.07583).',
  create,
}

function create({ parameters, rate }: Setup): StudyOptimizer {
  const momentum = parameters.map(({ data }) => zerosLike(data))
  const squares = parameters.map(({ data }) => zerosLike(data))
  let [t, meanLoss, meanProduct] = [0, 0, 0]
  return {
    step(gradients, loss) {
      t++
      const correction1 = 1 - BETA1 ** t
      const correction2 = 1 - BETA2 ** t
      // ⟨g, θ⟩, ⟨d, θ⟩ and Σ d²/D.
      let [product, model, norm] = [0, 0, 0]
      parameters.forEach(({ data }, place) => {
        const [g, d, v] = [gradients[place]!, momentum[place]!, squares[place]!]
        for (let i = 0; i < data.length; i++) {
          d[i] = BETA1 * d[i]! + (1 - BETA1) * g[i]!
          v[i] = BETA2 * v[i]! + (1 - BETA2) * g[i]! ** 2
          product += g[i]! * data[i]!
          model += d[i]! * data[i]!
          norm += d[i]! ** 2 / (Math.sqrt(v[i]! / correction2) + EPSILON)
        }
      })
      meanLoss = BETA1 * meanLoss + (1 - BETA1) * loss
      meanProduct = BETA1 * meanProduct + (1 - BETA1) * product
      const gap = Math.max(0, meanLoss + model - meanProduct - correction1 * FLOOR)
      const length = norm === 0 ? 0 : Math.min(rate / correction1, gap / norm)
      parameters.forEach(({ data }, place) => {
        const [d, v] = [momentum[place]!, squares[place]!]
        for (let i = 0; i < data.length; i++)
          data[i]! -= (length * d[i]!) / (Math.sqrt(v[i]! / correction2) + EPSILON)
      })
    },
  }
}
