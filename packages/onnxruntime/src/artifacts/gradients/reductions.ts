import type { GradientRule } from './context.js'

export const reductions: Readonly<Record<string, GradientRule>> = {}
