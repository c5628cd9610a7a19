/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g/(√a + ε)',
  formula: ['a = a + g²', 'direction = g/(√a + ε)'],
  source: 'Duchi, Hazan and Singer, 2011, in the form of PyTorch.',
  checked: '`torch.optim.Adagrad` without `lr_decay`, in the golden vectors of the conformance suite',
  conventions: ['ε is outside the root.'],
  others: [
    ['Keras, tfjs', 'a starts from 0.1', '`adagrad({ initialAccumulator: 0.1 })`'],
    [
      'PyTorch with `lr_decay`',
      'the rate falls as 1/(1 + (t−1)·decay)',
      'a schedule: `learningRate: (t) => 0.01 / (1 + (t - 1) * decay)`',
    ],
  ],
  learningRate: '0.01',
}
