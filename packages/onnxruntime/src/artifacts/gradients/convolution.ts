import type { GradientRule } from './context.js'

export const convolution: Readonly<Record<string, GradientRule>> = {}
