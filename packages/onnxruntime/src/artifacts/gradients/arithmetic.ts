import type { GradientRule } from './context.js'

export const arithmetic: Readonly<Record<string, GradientRule>> = {
  Add({ give, wants, required, requiredGradient, reduceTo }) {
    const dY = requiredGradient(0)
    const [a, b] = [required(0), required(1)]
    if (wants(0)) give(0, reduceTo(dY, a, b))
    if (wants(1)) give(1, reduceTo(dY, b, a))
  },
  Mul({ emit, give, wants, required, requiredGradient, reduceTo }) {
    const dY = requiredGradient(0)
    const [a, b] = [required(0), required(1)]
    if (wants(0)) give(0, reduceTo(emit('Mul', [dY, b]), a, b))
    if (wants(1)) give(1, reduceTo(emit('Mul', [dY, a]), b, a))
  },
}
