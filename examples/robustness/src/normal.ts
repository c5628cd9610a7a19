import { truncatedNormal, type Random } from '@induced-metric/example-mnist'

/** A standard normal number. */
export const normal = (random: Random): number => truncatedNormal(random, Infinity)
