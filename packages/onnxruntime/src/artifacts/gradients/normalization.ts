import type { GradientRule } from './context.js'

export const normalization: Readonly<Record<string, GradientRule>> = {}
