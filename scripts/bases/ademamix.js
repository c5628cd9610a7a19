/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, with a second average',
  formula: ['m = β₁m + (1−β₁)g, l = β₃l + (1−β₃)g, v = β₂v + (1−β₂)g²', 'direction = (m̂ + αl)/(√v̂ + ε)'],
  source: 'Pagliardini, Ablin and Grangier, 2024.',
  conventions: ['l has no bias correction.'],
  others: [
    [
      'the authors’ code',
      'raises α from 0 and β₃ from β₁ over the run, β₃ by its half-life',
      'schedules: `alpha: linear({ from: 0, to: 5, steps })`, and a function of the step for β₃',
    ],
  ],
  learningRate: '0.001',
}
