/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, v by steps of g²',
  formula: ['m = β₁m + (1−β₁)g', 'v = v − (1−β₂)·sign(v − g²)·g²', 'direction = m̂/(√v̂ + ε)'],
  source: 'Zaheer et al., 2018.',
  conventions: ['Both averages are corrected for bias. v starts from `initialAccumulator`, m from 0.'],
  others: [
    ['optax', 'm starts from 1e-6 too', 'none'],
    ['the paper', 'has no bias correction', 'none'],
  ],
  learningRate: '0.01',
}
