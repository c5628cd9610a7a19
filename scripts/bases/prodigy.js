/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, times an estimate of the distance',
  formula: [
    'a = √β₂a + (d/d₀)dη⟨g, θ₀ − θ⟩, w = √β₂w + (d/d₀)dηg',
    'm = β₁m + (1−β₁)dg, v = β₂v + (1−β₂)d²g²',
    'd₊ = max(d, coefficient·a/‖w‖₁), at most growthRate·d',
    'direction = d(m/(√v + d₊ε) + λθ)',
  ],
  source: 'Mishchenko and Defazio, 2023, in the form of the authors’ code.',
  conventions: [
    'At the default `initialDistance` the first steps are about 1e-6 long, of which float32 keeps one or two digits next to weights of about 1: those vectors are compared in float64, the one from 0.001 in both types.',
    'a and d are over all parameters of a group. Groups estimate separately; the authors’ code has one d.',
    'd₊ is in ε at once, and in the step from the next one on.',
    '`weightDecay` is inside, so that d scales it.',
    'No bias correction unless `biasCorrection`.',
  ],
  others: [
    ['optax', 'corrects for bias', '`prodigy({ biasCorrection: true })`'],
    ['the authors’ code', '`slice_p` estimates from every p-th element', 'none'],
    ['the authors’ code', '`decouple=False` adds decay to the gradient', 'none'],
  ],
  learningRate: '1',
}
