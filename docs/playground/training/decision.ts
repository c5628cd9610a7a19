/** The cells along a side of the grid of decisions. */
export const decisionSize = 56
