/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g/√v, v from means of rows and columns',
  formula: [
    'β̂ = 1 − t^−decay',
    'matrix: r = β̂r + (1−β̂)·row means of (g² + ε), c likewise of columns, v = r cᵀ/mean(r)',
    'others: v = β̂v + (1−β̂)(g² + ε)',
    'u = g/√v',
    'direction = u/max(1, RMS(u)/clip) · max(ε₂, RMS(θ)) · min(1, 1/(η√t))',
  ],
  source: 'Shazeer and Stern, 2018, algorithms 4 to 6.',
  conventions: [
    'ε is added to g², as in the paper, and is therefore within both moments.',
    'The relative step of the paper, min(0.01, 1/√t), is min(η, 1/√t) with the learning rate η. `relativeStep: false` makes it η.',
    'With the metric, ρ comes on top of the relative step.',
    'A vector is not factored. A kernel of more than two axes is a matrix of outputs × the rest.',
    'For a matrix of 4096 × 4096 the state is 0.024 % of Adam’s.',
  ],
  others: [
    [
      'PyTorch ≥ 2.5',
      'no ε in the squares: it bounds v from below by the square of the type’s precision; kernels are factored by their last two axes',
      '`adafactor({ epsilon: 0 })`, for gradients that are not 0 in a whole row or column; its `lr` is the learning rate',
    ],
    [
      'optax',
      'no relative step; matrices with an axis below 128 are not factored; kernels are factored by their two largest axes',
      '`adafactor({ relativeStep: false })`; vectors and small matrices the same but for the factoring',
    ],
    [
      'transformers',
      'the paper’s, with 0.01 fixed; with `warmup_init` the relative step is min(1e-6·t, 1/√t)',
      '`learningRate: 0.01`; for the warm-up `learningRate: (t) => Math.min(1e-6 * t, 1 / Math.sqrt(t))`',
    ],
    [
      'Keras',
      'the paper’s; ε₂ is 1e-3, the relative step a switch',
      'the defaults, or `relativeStep: false`',
    ],
  ],
  learningRate: '0.01',
}
