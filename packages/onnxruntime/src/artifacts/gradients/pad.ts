import type { GradientRule } from './context.js'

export const pad: Readonly<Record<string, GradientRule>> = {}
