/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'g, as far as the loss promises',
  formula: [
    'direction = scaling·min(1, (loss − floor)/(η‖g‖²))·g',
    'the step is scaling·min(η, (loss − floor)/‖g‖²)·g',
  ],
  source: 'Polyak, 1969; Loizou et al., 2021 (SPS); in the form of optax’ `polyak_sgd` with `sps+`.',
  conventions: [
    'Long Polyak steps on the Rosenbrock function are chaotic: that vector is compared in float64 only.',
    'The learning rate is the upper limit of the step size.',
    '‖g‖² is over all parameters of a group. A loss below `floor` gives no step.',
  ],
  others: [
    ['optax’ `sps`', 'steps back where the loss is below the bound', 'none'],
    ['Loizou et al.', 'divides by c = ½, inside the limit', '`polyak({ scaling: 2 })` and half the limit'],
  ],
  learningRate: '1',
  needsLoss: true,
}
