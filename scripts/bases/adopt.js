/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'the average of normalised gradients',
  formula: [
    'x = g/max(√v, ε) with v of before this step, clipped to ±(t−1)^¼',
    'direction m = β₁m + (1−β₁)x',
    'v = β₂v + (1−β₂)g²',
  ],
  source: 'Taniguchi et al., 2024.',
  conventions: [
    'The first step only sets v = g², and moves nothing. Nothing is corrected for bias.',
    'm averages no gradients: `averagedModel` and `rateFree` refuse it.',
  ],
  others: [['the paper’s first version', 'does not clip', 'none']],
  learningRate: '0.001',
}
