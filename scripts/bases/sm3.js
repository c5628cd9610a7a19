/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'the average of g/√v, v from rows and columns',
  formula: [
    'matrix: v = min(row’s largest, column’s largest) + g²; then the largest v of each row and column',
    'others: v = v + g²',
    'u = g/√(v + ε)',
    'direction m = μm + (1−μ)u',
  ],
  source: 'Anil, Gupta, Koren and Singer, 2019, SM3-II.',
  conventions: [
    'ε is within the root. With `decay` β below 1, v = β·min(…) + (1−β)g².',
    'm is not corrected for bias, and averages no gradients: `averagedModel` and `rateFree` refuse it unless momentum is 0.',
    'A kernel of more than two axes is a matrix of outputs × the rest.',
  ],
  others: [
    ['optax', 'each axis of a kernel has numbers of its own', 'none; vectors and matrices are the same'],
    ['the authors’ code', 'no ε: the direction is 0 where v is 0', '`sm3({ epsilon: 1e-30 })`'],
  ],
  learningRate: '0.1',
}
