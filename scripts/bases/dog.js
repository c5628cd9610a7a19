/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g, times a distance over a norm of gradients',
  formula: [
    'r = max(r, ‖θ − θ₀‖), at first initialDistance·(1 + ‖θ₀‖)',
    'G = G + ‖g‖², from ε',
    'direction = r/√G · g',
  ],
  source: 'Ivgi, Hinder and Carmon, 2023, in the form of the authors’ code.',
  conventions: [
    'At the default `initialDistance` the first steps are about 1e-6 long, of which float32 keeps one or two digits next to weights of about 1: those vectors are compared in float64, those from 0.01 in both types.',
    'Norms are over all parameters of a group together; with `layerwise` over each for itself (LDoG).',
    'The paper evaluates an average of the weights: `averageWeights: 8` is its polynomial decay averaging.',
  ],
  others: [
    ['the authors’ code', '`weight_decay` is added to the gradient', 'the transformation’s is decoupled'],
    ['the authors’ code', '`init_eta`, the first step in place of the distance', 'none'],
  ],
  learningRate: '1',
}
