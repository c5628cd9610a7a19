import type { GradientRule } from './context.js'

export const resize: Readonly<Record<string, GradientRule>> = {}
