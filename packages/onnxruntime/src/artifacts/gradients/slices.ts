import type { GradientRule } from './context.js'

export const slices: Readonly<Record<string, GradientRule>> = {}
