/** @type {import('../base-pages.js').BaseFacts} */
export const facts = {
  direction: 'Adam’s, in the eigenvectors of ggᵀ and gᵀg',
  formula: [
    'm = β₁m + (1−β₁)g, v = β₂v + (1−β₂)(QᵀgS)²',
    'direction = Q(QᵀmS/(√v + ε))Sᵀ·√(1−β₂ᵗ⁻¹)/(1−β₁ᵗ⁻¹), 0 at the first step',
    'L = β₂L + (1−β₂)ggᵀ, R = β₂R + (1−β₂)gᵀg',
    'first step: Q, S = eigenvectors of L, R; every k steps after it: LQ = Q′·upper triangle, likewise S',
    'others: Adam with the same averages',
  ],
  source: 'Vyas et al., 2024, in the form of the authors’ code.',
  conventions: [
    'The first step only finds the bases, and moves nothing; m and v begin at the second. Bases turn after the step, so that no gradient is projected with itself.',
    'Before a basis turns, its vectors are sorted by their estimated eigenvalues, and v along with them.',
    'A turn costs far more than the products around it: of a 512 × 512 matrix as much as some hundreds of them in the WebAssembly engine. Choose `every` by that.',
    'Inside `jit` of jax-js and in optimizer models of ONNX Runtime, where the host cannot read a matrix, it is refused with ERR_NOT_SUPPORTED.',
    'ε is added to √v before the bias correction.',
    'Where the gradient has no part along an eigenvector, the step along it is rounding over ε, in every implementation. It matters where two gradients in a row are equal, and in single precision: an `epsilon` of 1e-4 or more avoids it.',
  ],
  others: [
    ['the authors’ code', 'decays by 0.01 by default', '`weightDecay: 0.01` of the transformation'],
    [
      'the authors’ code',
      'keeps a matrix for each axis of a kernel',
      'none: it is a matrix of outputs × the rest',
    ],
  ],
  learningRate: '0.003',
}
