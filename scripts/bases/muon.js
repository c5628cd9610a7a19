/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'the momentum of a matrix, orthogonalised',
  formula: [
    'm = μm + (1−μ)g, x = μm + (1−μ)g with `nesterov`, else x = m',
    'X = x/(‖x‖ + 1e-7), then `iterations` times X = aX + (bA + cA²)X with A = XXᵀ',
    'direction = X·√max(1, outputs/inputs), (a, b, c) = (3.4445, −4.775, 2.0315)',
  ],
  source: 'Jordan et al., 2024.',
  checked:
    'the golden vectors of the conformance suite, made with the formula of Keller Jordan’s Muon in numpy',
  conventions: [
    'Momentum is an average without bias correction. Parameters that are not matrices go to `fallback`.',
    'With `flatten`, kernels of more than two axes are matrices of outputs × the rest, as in Jordan’s code. It is false by default, since kernels went to the fallback before there was the option.',
  ],
  others: [
    [
      'Jordan’s code',
      'flattens kernels; their factor is √max(1, height/width) of the kernel',
      '`muon({ flatten: true })`, with the factor of outputs and inputs',
    ],
    [
      'PyTorch’s Muon',
      'the factor can be that of Moonshot, 0.2·√max(rows, columns)',
      'a learning rate that contains it',
    ],
  ],
  learningRate: '0.02',
}
