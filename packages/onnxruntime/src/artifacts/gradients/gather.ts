import type { GradientRule } from './context.js'

export const gather: Readonly<Record<string, GradientRule>> = {}
