import type { GradientRule } from './context.js'

export const scatter: Readonly<Record<string, GradientRule>> = {}
