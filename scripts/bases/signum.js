/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'the sign of an average',
  formula: ['m = μm + (1−μ)g', 'direction = sign(m); at momentum 0 it is signSGD'],
  source: 'Bernstein et al., 2018.',
  conventions: [],
  others: [],
  learningRate: '0.0001',
}
