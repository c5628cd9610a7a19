/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'the share of g in a dual averaging with a cube root',
  formula: ['λ = (η + ε)√t', 'ν = ν + λg², s = s + ρλg', 'z = θ₀ − s/(∛ν + ε)', 'θ = μθ + (1−μ)z'],
  source: 'Defazio and Jelassi, 2021, in the form of the authors’ code.',
  conventions: [
    'ε is added to the learning rate as well, unless that is 0.',
    'The step does not scale with η alone, since ν holds η too.',
    'The parameter is computed from sums: `averagedModel` and `rateFree` refuse it.',
  ],
  others: [
    [
      'the authors’ code',
      '`weight_decay` is added to the gradient by default',
      'the transformation’s is decoupled (their `decouple_decay`, but for an ε in the rate)',
    ],
    ['optax', 'ε is added to the learning rate even where that is 0', 'none'],
  ],
  learningRate: '0.01',
}
