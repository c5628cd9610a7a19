/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, as long as the tensor',
  formula: ['u = m̂/(√v̂ + ε) + λθ', 'direction = u·‖θ‖/‖u‖ per tensor, or u where either norm is 0'],
  source: 'You et al., 2019.',
  conventions: [
    'Both averages are corrected for bias, and the norms are not clipped.',
    'λ is `lamb({ weightDecay })`, inside the norm. The transformation’s `weightDecay` comes on top, outside of it.',
  ],
  others: [['the paper', 'may clip ‖θ‖ by a function φ', 'none']],
  learningRate: '0.001',
}
