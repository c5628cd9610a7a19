/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'the sign of an average',
  formula: ['m = βm + (1−β)g', 'direction = sign(m), times √(mean θ²) with `relative`'],
  source: 'Su, 2023 (bojone/tiger).',
  conventions: ['By default it is that of PyTorch packages.', '`relative` is the author’s rate for weights.'],
  others: [
    [
      'the author’s code',
      'half the rate, without the factor and without decay, for biases and gains',
      'a group for them',
    ],
    ['the author’s code', 'shrinks the weights where a gradient is NaN', 'none: such a step is skipped'],
    ['kozistr’s package', 'the default here', '`tiger()`'],
  ],
  learningRate: '0.001',
}
