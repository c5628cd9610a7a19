import type { GradientRule } from './context.js'

export const shape: Readonly<Record<string, GradientRule>> = {}
