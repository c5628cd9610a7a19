/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'sign(g) times a length per element',
  formula: [
    'δ = δ·increase where g kept its sign, δ·decrease where it changed, between minStep and maxStep',
    'direction = sign(g)·δ, 0 where g changed its sign',
  ],
  source: 'Riedmiller and Braun, 1993, in the form of PyTorch.',
  conventions: ['For gradients of all examples at once.', 'The lengths are multiples of the learning rate.'],
  others: [
    [
      'PyTorch',
      'the lengths are absolute and begin at the learning rate; the two are equal at its default, 0.01',
      'at another rate η, `rprop({ minStep: 1e-6 / η, maxStep: 50 / η })`',
    ],
  ],
  learningRate: '0.01',
}
