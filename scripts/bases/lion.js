/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'the sign of an average',
  formula: ['direction = sign(β₁m + (1−β₁)g)', 'm = β₂m + (1−β₂)g'],
  source: 'Chen et al., 2023.',
  conventions: [
    'Rates are a tenth to a third of Adam’s, and decay three to ten times as large.',
    '`cautious` is the mask of [`adam`](adam.md), as in the authors’ C-Lion.',
  ],
  others: [],
  learningRate: '0.0001',
}
