/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Polyak’s momentum',
  formula: ['b = μb + (1−d)g, the first b being g', 'direction = b, or g + μb with `nesterov`'],
  source: 'Polyak, 1964, in the form of PyTorch.',
  checked: '`torch.optim.SGD`, in the golden vectors of the conformance suite',
  conventions: ['The first buffer is g itself, without dampening. At momentum 0 dampening has no effect.'],
  others: [
    ['Keras', 'the learning rate is inside the buffer', 'the same steps while the rate is constant'],
    ['brain.js, convnetjs', 'as Keras', 'the same steps while the rate is constant'],
  ],
  learningRate: '0.01',
}
