/** The size of the picture, in its own units. */
export const mapSize = { width: 720, height: 520 } as const
