import type { GradientRule } from './context.js'

export const pooling: Readonly<Record<string, GradientRule>> = {}
