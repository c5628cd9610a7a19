import type { GradientRule } from './context.js'

export const loss: Readonly<Record<string, GradientRule>> = {}
