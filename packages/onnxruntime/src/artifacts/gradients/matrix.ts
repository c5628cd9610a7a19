import { floatOf, intOf } from '../../onnx/attribute.js'
import type { GradientRule } from './context.js'

export const matrix: Readonly<Record<string, GradientRule>> = {
  /** Y = A·B of two matrices: dA = dY·Bᵀ, dB = Aᵀ·dY. */
  MatMul({ emit, give, wants, required, requiredGradient, rankOf, refuse }) {
    const dY = requiredGradient(0)
    const [a, b] = [required(0), required(1)]
    if (rankOf(a) !== 2 || rankOf(b) !== 2) refuse('only matrices so far')
    if (wants(0)) give(0, emit('Gemm', [dY, b], { transB: 1 }))
    if (wants(1)) give(1, emit('Gemm', [a, dY], { transA: 1 }))
  },
  /** Y = α·A′·B′ + β·C. */
  Gemm({ node, emit, give, wants, input, required, requiredGradient, output, reduceTo, reals, realTypeOf }) {
    const dY = requiredGradient(0)
    const [a, b, c] = [required(0), required(1), input(2)]
    const alpha = { float: floatOf(node, 'alpha', 1) }
    const beta = floatOf(node, 'beta', 1)
    const [transA, transB] = [intOf(node, 'transA', 0), intOf(node, 'transB', 0)]
    if (wants(0)) {
      const dA =
        transA === 0
          ? emit('Gemm', [dY, b], { alpha, transB: 1 - transB })
          : emit('Gemm', [b, dY], { alpha, transA: transB, transB: 1 })
      give(0, dA)
    }
    if (wants(1)) {
      const dB =
        transB === 0
          ? emit('Gemm', [a, dY], { alpha, transA: 1 - transA })
          : emit('Gemm', [dY, a], { alpha, transA: 1, transB: transA })
      give(1, dB)
    }
    if (c !== undefined && wants(2)) {
      const reduced = reduceTo(dY, c, output(0)!)
      give(2, beta === 1 ? reduced : emit('Mul', [reduced, reals([beta], realTypeOf(c))]))
    }
  },
}
