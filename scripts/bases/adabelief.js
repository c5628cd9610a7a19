/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, with the variance of g',
  formula: ['m = β₁m + (1−β₁)g', 'v = β₂v + (1−β₂)(g − m)² + ε with the new m', 'direction = m̂/(√v̂ + ε)'],
  source: 'Zhuang et al., 2020, in the form of the authors’ code without rectification.',
  conventions: ['ε is added at both places. Both averages are corrected for bias.'],
  others: [['the authors’ code', 'rectifies as RAdam by default', 'none']],
  learningRate: '0.001',
}
