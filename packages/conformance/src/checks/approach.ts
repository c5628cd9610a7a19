import type { CaseBody, ConvexKind } from '../case.js'
import { fail, show } from '../compare.js'
import type { Context } from '../context.js'
import { arrayOf } from '../problem.js'
import { createRandom, type Random } from '../random.js'

/** A convex function of x whose minimum is at 0. */
type Convex = (x: Float64Array) => { readonly height: number; readonly gradient: Float64Array }

const shapes = [[2, 3], [4]] as const
const size = 10
const terms = 12

/** The least value of each kind of loss, which a floor must not exceed. */
const least: Readonly<Record<ConvexKind, number>> = {
  quadratic: 0.5,
  powers: 0,
  maximum: -2,
  logSumExp: Math.log(terms),
}

const kinds: Readonly<Record<ConvexKind, (random: Random) => Convex>> = {
  /** ½|Bx|², sometimes with fewer rows than columns; then it has many minima, 0 among them. */
  quadratic(random) {
    const rows = 4 + random.below(10)
    const matrix = vectors(random, rows).map((row) => row.map((a) => a * 2 ** (random.below(9) - 4)))
    return (x) => {
      const products = matrix.map((row) => along(row, x))
      return {
        height: products.reduce((sum, p) => sum + p * p, 0) / 2,
        gradient: combine(matrix, products),
      }
    }
  },
  /** Σ cᵢ|xᵢ|ᵖ */
  powers(random) {
    const power = [1, 1, 1.5, 2, 4][random.below(5)]!
    const weights = Float64Array.from({ length: size }, () => 2 ** (random.below(13) - 6))
    return (x) => ({
      height: x.reduce((sum, xi, i) => sum + weights[i]! * Math.abs(xi) ** power, 0),
      gradient: x.map((xi, i) => weights[i]! * power * Math.sign(xi) * Math.abs(xi) ** (power - 1)),
    })
  },
  /** max ⟨aⱼ, x⟩ of vectors whose weighted sum is 0. */
  maximum(random) {
    const slopes = balanced(random)
    return (x) => {
      const products = slopes.map((a) => along(a, x))
      const height = Math.max(...products)
      return { height, gradient: slopes[products.indexOf(height)]!.slice() }
    }
  },
  /** log Σ exp⟨aⱼ, x⟩, less its value at 0, where the aⱼ sum to 0. */
  logSumExp(random) {
    const slopes = balanced(random)
    return (x) => {
      const products = slopes.map((a) => along(a, x))
      const top = Math.max(...products)
      const powers = products.map((p) => Math.exp(p - top))
      const total = powers.reduce((sum, p) => sum + p, 0)
      return {
        height: top + Math.log(total) - Math.log(terms),
        gradient: combine(
          slopes,
          powers.map((p) => p / total),
        ),
      }
    }
  },
}

function vectors(random: Random, count: number): Float64Array[] {
  return Array.from({ length: count }, () => Float64Array.from({ length: size }, () => random.normal()))
}

/** Vectors that sum to 0. */
function balanced(random: Random): Float64Array[] {
  const slopes = vectors(random, terms - 1)
  const last = combine(
    slopes,
    slopes.map(() => -1),
  )
  return [...slopes, last]
}

function along(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < size; i++) sum += a[i]! * b[i]!
  return sum
}

/** Σ wⱼ aⱼ */
function combine(list: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const result = new Float64Array(size)
  for (const [j, a] of list.entries())
    for (let i = 0; i < size; i++) result[i] = result[i]! + weights[j]! * a[i]!
  return result
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  const result = new Float64Array(size)
  for (let i = 0; i < size; i++) result[i] = a[i]! - b[i]!
  return result
}

/**
 * SGD under `root` with ξ = κη, without momentum and without β: on a convex loss whose minimum is at θ*, every step satisfies
 * |θ⁺−θ*|² ≤ |θ−θ*|² − t(2ℓ − (ℓ+δ)/κ), t = ηρ, for every η, where the floor lies δ below the minimum and ℓ is the loss above
 * the minimum. With δ = 0 and κ ≥ ½ the distance never grows; with κ = 1 it falls as long as ℓ > δ. The proof: convexity gives
 * ⟨g, θ−θ*⟩ ≥ ℓ, and ρ gives t·s ≤ (ℓ+δ)/κ. (At κ = ½ it is NGN's step, arXiv:2407.04358, at κ = 1 a smooth Polyak step.)
 */
export async function approach(
  context: Context,
  body: Extract<CaseBody, { check: 'approach' }>,
): Promise<void> {
  const { kind, learningRate, perRate, tooLow, seed } = body
  const random = createRandom(seed)
  const session = await context.create(
    {
      base: { name: 'sgd' },
      learningRate,
      xi: { perRate },
      beta: 0,
      embedding: { name: 'root', floor: least[kind] - tooLow },
    },
    shapes.map((shape, i) => ({
      name: `p${i}`,
      shape,
      data: arrayOf(
        context.dtype,
        Array.from({ length: i === 0 ? 6 : 4 }, () => random.normal()),
      ),
    })),
  )
  const position = async (): Promise<Float64Array> => {
    const theta = new Float64Array(size)
    const [first, second] = await session.read()
    theta.set(first!)
    theta.set(second!, first!.length)
    return theta
  }

  for (let problem = 1; problem <= body.problems; problem++) {
    const loss = kinds[kind](random)
    const minimum = Float64Array.from({ length: size }, () => random.normal())
    let theta = await position()
    const slack = context.tolerance(size) * (along(theta, theta) + along(minimum, minimum))
    for (let step = 1; step <= 8; step++) {
      const x = minus(theta, minimum)
      const { height, gradient } = loss(x)
      // Near the minimum the loss above the floor is mere rounding error.
      if (height <= 1e-9) break
      const gradients = [gradient.slice(0, 6), gradient.slice(6)].map((g) => arrayOf(context.dtype, g))
      const { scale } = await session.step(gradients, { loss: least[kind] + height })
      theta = await position()
      const before = along(x, x)
      const moved = minus(theta, minimum)
      const after = along(moved, moved)
      const where = `problem ${problem}, step ${step}`
      if (!(scale > 0)) fail(`${where}: ρ must be positive, is ${show(scale)}`)
      const bound = before - learningRate * scale * (2 * height - (height + tooLow) / perRate)
      if (after <= bound + slack) continue
      const [from, to, most] = [before, after, bound].map(show)
      fail(`${where}: the squared distance to the minimum goes from ${from} to ${to}, at most ${most}`)
    }
  }
}
