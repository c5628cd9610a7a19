/** How a run ended: at the minimum, below its start, above it, or beyond all bounds. */
export const outcomes = ['converged', 'falling', 'bounded', 'diverged'] as const

/** The name of an outcome. */
export type Outcome = (typeof outcomes)[number]
