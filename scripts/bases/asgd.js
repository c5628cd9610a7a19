/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g + λθ, at a rate that falls',
  formula: [
    'direction = (g + λθ)/(1 + λη(t−1))^α',
    'x̄ = x̄ + (θ − x̄)/max(1, t − 1 − t₀), the weights to evaluate with',
  ],
  source: 'Polyak and Juditsky, 1992; the schedules of Bottou, 2010; in the form of PyTorch.',
  conventions: [
    'With `averageFrom` t₀ at a million, PyTorch’s default, x̄ is θ in shorter runs.',
    'x̄ takes the weights with decay and all. It is what `withEvaluationWeights` shows; the slot holds the average of before the latest step.',
  ],
  others: [
    ['PyTorch', '`weight_decay` is added to the gradient', 'the transformation’s is decoupled'],
    [
      'SGD with an average that favours later steps',
      'weights (k+1)/(t+k)',
      '`averageWeights` of the transformation, over any base',
    ],
  ],
  learningRate: '0.01',
}
