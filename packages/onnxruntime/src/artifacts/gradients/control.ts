import type { GradientRule } from './context.js'

export const control: Readonly<Record<string, GradientRule>> = {}
