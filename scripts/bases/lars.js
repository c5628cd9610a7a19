/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g, as long as a share of the tensor, with momentum',
  formula: [
    'u = g + λθ',
    'b = μb + κu·‖θ‖/‖u‖, or u itself where a norm is 0',
    'direction = b, or κu·‖θ‖/‖u‖ + μb with `nesterov`',
  ],
  source: 'You, Gitman and Ginsburg, 2017, in the form of optax.',
  conventions: [
    'The ratio is taken of every tensor, biases too; where the tensor or u is 0 it is 1.',
    'The learning rate multiplies the buffer.',
    'With momentum b averages no gradients: `averagedModel` and `rateFree` refuse it.',
  ],
  others: [
    [
      'optax, the paper',
      'the learning rate is inside the buffer',
      'the same steps while the rate is constant',
    ],
    ['the paper', '‖g‖ + λ‖θ‖ in place of ‖g + λθ‖', 'none'],
    [
      'PyTorch packages',
      'biases are left out, and the norm is of g without λθ',
      'a group with `heavyBall` for vectors',
    ],
  ],
  learningRate: '4',
}
