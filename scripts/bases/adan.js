/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, with differences of gradients',
  formula: [
    'Δ = g − g₋₁, 0 at the first step',
    'm = β₁m + (1−β₁)g, v = β₂v + (1−β₂)Δ, n = β₃n + (1−β₃)(g + β₂Δ)²',
    'direction = (m̂ + β₂v̂)/(√n̂ + ε)',
  ],
  source: 'Xie et al., 2022, with the rates of the authors’ code.',
  conventions: ['All three averages are corrected for bias.'],
  others: [
    ['the paper', 'each rate is one minus that', '`adan({ beta1: 1 - β₁ })`, and so on'],
    ['the authors’ code', 'its decay divides by 1 + ηλ', 'none: decay is the transformation’s `weightDecay`'],
  ],
  learningRate: '0.001',
}
