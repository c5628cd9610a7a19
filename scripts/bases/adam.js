/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'm̂/(√v̂ + ε)',
  formula: [
    'm = β₁m + (1−β₁)g',
    'v = β₂v + (1−β₂)g²',
    'direction = m̂/(√v̂ + ε), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)',
  ],
  source: 'Kingma and Ba, 2014.',
  checked:
    '`torch.optim.Adam` and, with `weightDecay`, `torch.optim.AdamW`, in the golden vectors of the conformance suite and of `adamw`',
  conventions: [
    'Both averages are corrected for bias, and ε is outside the root, after the correction.',
    '`nesterov` replaces m̂ by β₁m/(1−β₁ᵗ⁺¹) + (1−β₁)g/(1−β₁ᵗ): optax’s NAdam.',
    '`amsgrad` replaces v by the largest v so far (Reddi, Kale and Kumar, 2018).',
    '`cautious` multiplies the direction by a mask: 1 where it has the sign of g, else 0, over the mask’s mean, which counts as 1/1000 at least (Liang et al., 2024).',
  ],
  others: [
    [
      'PyTorch’s AdamW',
      'decay is decoupled',
      '[`adamw`](../which-optimizer.md), or `weightDecay` of the transformation',
    ],
    ['optax with `amsgrad`', 'the largest v̂ after the bias correction', 'none'],
    ['PyTorch’s and Keras’ NAdam', 'a schedule of β₁ is multiplied over the steps', '[`nadam`](nadam.md)'],
    [
      'TensorFlow',
      'ε is beside √v, before the correction (“ε̂” of the paper)',
      'none; the two agree where v̂ is well above ε²',
    ],
  ],
  learningRate: '0.001',
}
