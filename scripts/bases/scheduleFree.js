/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'that of its base',
  formula: [
    'z = z − η(d + λy), d the direction of the base at y',
    'c = tʳη₊ᵖ/Σtʳη₊ᵖ, η₊ the largest rate so far',
    'x = (1−c)x + cz, the weights to evaluate with',
    'y = (1−β)z + βx, the parameter',
  ],
  source: 'Defazio et al., 2024, in the form of the authors’ code.',
  conventions: [
    'The parameter is y, at which gradients are taken. x is computed from y and z when it is asked for.',
    'Decay at y, inside the step: the option `weightDecay` here.',
    'ρ of the metric multiplies η in z; it is not in c.',
  ],
  others: [
    ['the authors’ SGD', '–', '`scheduleFree(sgd())`'],
    ['the authors’ AdamW', '–', '`scheduleFree(adam({ beta1: 0 }), { weightDecay })`'],
    ['the authors’ code', '`warmup_steps`', 'a schedule: `learningRate: warmup({ steps, then: 0.0025 })`'],
  ],
  learningRate: '0.0025',
  make: 'scheduleFree(adam({ beta1: 0 }))',
  imports: ['adam'],
}
