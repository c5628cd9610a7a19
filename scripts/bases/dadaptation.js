/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, times a bound of the distance',
  formula: [
    'a = √β₂a + (1−√β₂)dη⟨g, w/(√v₋₁ + ε)⟩, w = √β₂w + (1−√β₂)dηg',
    'm = β₁m + (1−β₁)dg, v = β₂v + (1−β₂)g²',
    'direction = m/(√v + ε) + λdθ',
    'd = max(d, a/((1−√β₂)‖w‖₁)), at most growthRate·d',
  ],
  source: 'Defazio and Mishchenko, 2023, in the form of the authors’ code.',
  conventions: [
    'At the default `initialDistance` the first steps are about 1e-6 long, of which float32 keeps one or two digits next to weights of about 1: those vectors are compared in float64, the others in both types.',
    'a and d are over all parameters of a group.',
    '`weightDecay` is inside, so that d scales it.',
    'No bias correction unless `biasCorrection`.',
  ],
  others: [
    ['the authors’ code', 'η is inside m', 'the same steps while the rate is constant'],
    ['the authors’ code', '`layer_scale`, `decouple=False`', 'none'],
    [
      'optax’ `dadapt_adamw`',
      'corrects for bias, and η is inside m',
      '`dadaptation({ biasCorrection: true })`',
    ],
  ],
  learningRate: '1',
}
