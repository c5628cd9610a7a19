/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g, or its average',
  formula: ['m = μm + (1−μ)g', 'direction = m/(1−μᵗ), or g without momentum'],
  source: 'Gradient descent; with the metric, the optimiser of arXiv:2509.03594.',
  checked: 'the golden vectors of the conformance suite, made with the code of arXiv:2509.03594',
  conventions: [
    'Momentum is an average that is corrected for bias, so that it does not change the length of a step.',
  ],
  others: [
    [
      'PyTorch, Keras, optax',
      'momentum is a sum, and a step is up to 1/(1−μ) times as long',
      '[`heavyBall`](heavyBall.md)',
    ],
  ],
  learningRate: '0.1',
}
