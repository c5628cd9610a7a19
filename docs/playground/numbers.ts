/** The numbers that can be set, with their ranges. `scale: 'log'` spreads a slider over decades. */
export const numbers = {
  rate: { label: 'learning rate η', symbol: 'η', min: 1e-4, max: 1e3, value: 1, scale: 'log' },
  xi: { label: 'ξ', symbol: 'ξ', min: 1e-6, max: 1e3, value: 0.1, scale: 'log' },
  perRate: { label: 'κ', symbol: 'κ', min: 0.01, max: 100, value: 1, scale: 'log' },
  momentum: { label: 'momentum μ', symbol: 'μ', min: 0, max: 0.99, value: 0.9, scale: 'linear' },
  beta: { label: 'β, average of s', symbol: 'β', min: 0, max: 0.99, value: 0.8, scale: 'linear' },
  noise: { label: 'gradient noise σ', symbol: 'σ', min: 0, max: 5, value: 0, scale: 'linear' },
  lift: { label: 'lift the loss by c', symbol: 'c', min: 0, max: 10, value: 0, scale: 'linear' },
  floor: { label: 'floor', symbol: 'floor', min: 0, max: 10, value: 0, scale: 'linear' },
  steps: { label: 'steps', symbol: 'steps', min: 10, max: 1000, value: 200, scale: 'linear' },
} as const

/** The name of a number. */
export type NumberId = keyof typeof numbers

/** The numbers that can be on an axis of the phase diagram. */
export const axes = ['rate', 'xi', 'perRate', 'momentum', 'beta', 'noise', 'lift', 'floor'] as const

/** The name of an axis. */
export type AxisId = (typeof axes)[number]
