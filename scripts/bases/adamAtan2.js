/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'a·atan2(m̂, b√v̂)',
  formula: ['m = β₁m + (1−β₁)g, v = β₂v + (1−β₂)g²', 'direction = a·atan2(m̂, b√v̂)'],
  source: 'Everett et al., 2024, in the form of lucidrains’ adam-atan2-pytorch.',
  conventions: [
    'There is no ε, so it is a base of its own and no option of `adam`.',
    'a = 1.27 makes it Adam’s step where |m̂| = √v̂.',
  ],
  others: [['the paper', 'a = b = 1 to begin with; β₂ as in Adam', '`adamAtan2({ a: 1, beta2: 0.999 })`']],
  learningRate: '0.001',
}
