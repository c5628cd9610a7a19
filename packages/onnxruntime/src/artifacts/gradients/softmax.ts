import type { GradientRule } from './context.js'

export const softmax: Readonly<Record<string, GradientRule>> = {}
