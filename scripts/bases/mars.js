/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, on gradients of reduced variance',
  formula: [
    'c = g + γβ₁/(1−β₁)·(g − g₋₁), scaled to length 1 where it is longer',
    'm = β₁m + (1−β₁)c, v = β₂v + (1−β₂)c²',
    'direction = m̂/(√v̂ + ε)',
  ],
  source: 'Yuan et al., 2024, in the approximate form of the authors’ code (`is_approx`).',
  conventions: [
    'g₋₁ is the gradient of the step before, of another batch. The exact form takes this batch’s at the point before, in a second pass.',
    'At the first step g₋₁ is 0, as in the authors’ code.',
    'c is clipped per tensor, so nothing is linear in g: `averagedModel` and `rateFree` refuse it.',
  ],
  others: [
    [
      'the authors’ code',
      'vectors get plain AdamW with rates of their own unless `optimize_1d`',
      'a group with `adam` for vectors',
    ],
    ['MARS-Lion, MARS-Shampoo', 'other steps from c', 'none'],
  ],
  learningRate: '0.003',
}
