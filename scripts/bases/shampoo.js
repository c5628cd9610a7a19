/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'L^−¼ g R^−¼',
  formula: [
    'matrix: L = L + ggᵀ, R = R + gᵀg; every k steps A = (L + εI)^−¼, B = (R + εI)^−¼',
    'direction = A m̂ B, with m = μm + (1−μ)g, or g without momentum',
    'others: a = a + g², direction = m̂/√(a + ε)',
  ],
  source: 'Gupta, Koren and Singer, 2018, algorithm 1.',
  conventions: [
    'The roots are taken at steps 1, k + 1, 2k + 1, …, on the host in double precision.',
    'ε is added to the sums when their roots are taken. The sums of the paper begin from εI, which is the same without `decay`.',
    'With `graft` the direction is as long as AdaGrad’s, g/√a, of the same tensor.',
    'A root costs far more than the products around it: of a 512 × 512 matrix as much as some hundreds of them in the WebAssembly engine. Choose `every` by that.',
    'Inside `jit` of jax-js and in optimizer models of ONNX Runtime, where the host cannot read a matrix, it is refused with ERR_NOT_SUPPORTED.',
    'Where ε is small beside L, rounding in L counts: in single precision the relative error of a root is about 1e-7·‖L‖/(4ε).',
  ],
  others: [
    ['the paper', 'takes the roots at every step', '`shampoo({ every: 1 })`'],
    ['the paper', 'keeps the whole matrix for a vector too, with the power −½', 'none: its diagonal is kept'],
    ['pytorch_optimizer’s Shampoo', 'takes the power −1/axes, −½ for a matrix', 'none'],
    [
      'Anil et al., 2020',
      'exponential averages, grafting, roots rarely',
      '`shampoo({ decay: 0.95, graft: true, every: 100 })`',
    ],
  ],
  learningRate: '0.01',
}
