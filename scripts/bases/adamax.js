/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'm̂/u, u a running maximum',
  formula: ['m = β₁m + (1−β₁)g', 'u = max(β₂u, |g| + ε)', 'direction = m̂/u'],
  source: 'Kingma and Ba, 2014, section 7.',
  conventions: ['ε is added to |g|, as in PyTorch. u is not corrected for bias.'],
  others: [['Keras', 'ε is added to u, outside the maximum', 'none; an ε of 1e-8 makes no difference']],
  learningRate: '0.002',
}
