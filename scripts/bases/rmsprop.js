/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g/(√r + ε)',
  formula: [
    'r = αr + (1−α)g²',
    'direction = g/(√r + ε), or with `centered` g/(√(r − a²) + ε), a = αa + (1−α)g',
    'momentum: b = μb + that, direction b',
  ],
  source: 'Hinton, 2012, in the form of PyTorch.',
  checked: '`torch.optim.RMSprop`, in the golden vectors of the conformance suite',
  conventions: ['ε is outside the root. Nothing is corrected for bias.'],
  others: [
    ['Keras, optax', 'ε is inside the root by default', 'none; an ε of 1e-8 here is near one of 1e-16 there'],
    ['optax', 'α is 0.9', '`rmsprop({ decay: 0.9 })`'],
  ],
  learningRate: '0.001',
}
