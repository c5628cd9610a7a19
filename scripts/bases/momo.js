/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'momentum, as far as an average of the loss promises',
  formula: [
    'm = βm + (1−β)g, f = βf + (1−β)·loss, c = βc + (1−β)⟨g, θ⟩',
    'τ = min(η/b, max(0, f + ⟨m, θ⟩ − c − b·floor)/‖m‖²)',
    'direction = τ/η · m; b = 1, or 1 − βᵗ with `biasCorrection`',
  ],
  source: 'Schaipp et al., 2023, in the form of the authors’ code.',
  conventions: [
    'The averages start from the first values, or with `biasCorrection` from 0.',
    'The learning rate is the upper limit of the step size.',
    'Inner products are over all parameters of a group.',
  ],
  others: [
    ['the authors’ code', '`use_fstar` estimates the bound', 'none'],
    ['the authors’ code', 'decay is inside the proximal step', 'the transformation’s is decoupled'],
    ['MoMo-Adam', 'the same over Adam', 'none'],
  ],
  learningRate: '1',
  needsLoss: true,
}
