/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'momentum over g/‖g‖',
  formula: ['v = β₂v + (1−β₂)‖g‖² per tensor, from ‖g‖² of the first step', 'direction m = β₁m + g/(√v + ε)'],
  source: 'Ginsburg et al., 2019.',
  conventions: [
    'Nothing is corrected for bias.',
    'm averages no gradients: `averagedModel` and `rateFree` refuse it.',
  ],
  others: [
    ['the paper', 'decays within m', 'none: decay is the transformation’s, decoupled'],
    ['optax', 'β₁ = 0.9, β₂ = 0.25', '`novograd({ beta1: 0.9, beta2: 0.25 })`'],
  ],
  learningRate: '0.01',
}
