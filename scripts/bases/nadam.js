/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, with Nesterov momentum on a schedule',
  formula: [
    'μₜ = β₁(1 − ½·0.96^(tψ)), Π = μ₁μ₂⋯μₜ',
    'm = β₁m + (1−β₁)g, v = β₂v + (1−β₂)g²',
    'direction = ((1−μₜ)g/(1−Π) + μₜ₊₁m/(1−Πμₜ₊₁))/(√v̂ + ε)',
  ],
  source: 'Dozat, 2016, in the form of PyTorch.',
  conventions: [
    'm averages at the rate β₁, not at μₜ, and is not corrected; v̂ is. ε is outside the root.',
    'The product of all μ is kept as one number per tensor.',
  ],
  others: [
    ['PyTorch 1.13', 'Π already has μₜ, and Πμₜ₊₁ has it a second time; mended in 2.0', 'none'],
    ['Keras', 'ψ = 1, ε = 1e-7', '`nadam({ momentumDecay: 1, epsilon: 1e-7 })`'],
    ['optax', 'no schedule of the momentum', '`adam({ nesterov: true })`'],
  ],
  learningRate: '0.002',
}
