import type { GradientRule } from './context.js'

export const activations: Readonly<Record<string, GradientRule>> = {
  Relu({ emit, give, required, requiredGradient, output }) {
    give(0, emit('com.microsoft:ReluGrad', [requiredGradient(0), output(0) ?? required(0)]))
  },
}
