import type { Random } from '../random.js'

/** A density on [0, 1] that can be drawn from. */
export interface Density {
  readonly draw: (random: Random) => number
  readonly logDensity: (place: number) => number
}

/** The error function (Abramowitz and Stegun 7.1.26; absolute error below 1.5e-7). */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return Math.sign(x) * (1 - series * Math.exp(-x * x))
}

const cumulative = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2

/** A normal number, by Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/**
 * A Parzen estimator of numbers in [0, 1]: a normal distribution around each, cut off at the ends, and a wide one for the
 * prior. The width around a place is the larger distance to its neighbours, within limits (J. Bergstra et al., 2011,
 * "Algorithms for hyper-parameter optimization", section 4.2; the limits are those of Hyperopt).
 */
export function parzen(places: readonly number[]): Density {
  const centres = [...places, 0.5].sort((a, b) => a - b)
  const prior = centres.indexOf(0.5)
  const least = 1 / Math.min(100, centres.length + 1)
  const kernels = centres.map((centre, index) => {
    const [below, above] = [centres[index - 1] ?? 0, centres[index + 1] ?? 1]
    const width = index === prior ? 1 : Math.min(Math.max(centre - below, above - centre, least), 1)
    const mass = cumulative((1 - centre) / width) - cumulative(-centre / width)
    return { centre, width, factor: 1 / (mass * width * Math.sqrt(2 * Math.PI) * centres.length) }
  })
  return {
    draw(random) {
      const { centre, width } = kernels[Math.floor(random() * kernels.length)]!
      for (;;) {
        const place = centre + width * normal(random)
        if (place >= 0 && place < 1) return place
      }
    },
    logDensity(place) {
      let sum = 0
      for (const { centre, width, factor } of kernels) {
        const distance = (place - centre) / width
        sum += factor * Math.exp((-distance * distance) / 2)
      }
      return Math.log(sum)
    },
  }
}

/** The shares of choices, each as if it had been seen once more. Places are the middles of equal parts of [0, 1]. */
export function shares(places: readonly number[], count: number): Density {
  const seen = new Array<number>(count).fill(1)
  const part = (place: number): number => Math.min(Math.floor(place * count), count - 1)
  for (const place of places) seen[part(place)]!++
  const total = places.length + count
  return {
    draw(random) {
      let rest = random() * total
      const index = seen.findIndex((number) => (rest -= number) < 0)
      return ((index < 0 ? count - 1 : index) + 0.5) / count
    },
    logDensity: (place) => Math.log(seen[part(place)]! / total),
  }
}
