import type { PlainOptions, PlainTransformation } from '../plain.js'

/** What the limits of a gradient depend on. */
export interface Limited {
  readonly options: PlainOptions
  readonly shape: readonly number[]
  readonly theta: Float64Array
}

type Gradient = ArrayLike<number> | null

/** Copies of the gradients after all limits: first of their elements, then of the norms of units, then of norms. */
export function limitGradients(
  gradients: readonly Gradient[],
  parameters: readonly Limited[],
  { clipNorm }: PlainTransformation,
): readonly (Float64Array | null)[] {
  const limited = gradients.map((g, i) => g && limitUnits(limitElements(g, parameters[i]!), parameters[i]!))
  return limitNorms(limited, parameters, clipNorm)
}

function limitElements(gradient: ArrayLike<number>, { options: { clipValue } }: Limited): Float64Array {
  if (clipValue === undefined) return new Float64Array(gradient)
  const limit = clipValue
  return Float64Array.from(gradient, (g) => (Math.abs(g) > limit ? Math.sign(g) * limit : g))
}

/** Scales each unit's gradient down to factor·max(‖w‖, ε). A unit is an output of a matrix or kernel, or else the parameter. */
function limitUnits(
  gradient: Float64Array,
  { options: { adaptiveClip }, shape, theta }: Limited,
): Float64Array {
  if (adaptiveClip === undefined) return gradient
  const { factor, epsilon = 1e-3, rows } = adaptiveClip
  const outputs = shape.length < 2 ? 1 : rows === 'outputs' ? shape[0]! : shape.at(-1)!
  const inner = gradient.length / outputs
  const unitOf = (i: number): number =>
    shape.length < 2 ? 0 : rows === 'outputs' ? Math.floor(i / inner) : i % outputs
  const norms = (values: Float64Array): number[] => {
    const sums = Array.from({ length: outputs }, () => 0)
    values.forEach((x, i) => (sums[unitOf(i)]! += x * x))
    return sums.map(Math.sqrt)
  }
  const [of, weights] = [norms(gradient), norms(theta)]
  return gradient.map((g, i) => {
    const unit = unitOf(i)
    const limit = factor * Math.max(weights[unit]!, epsilon)
    return of[unit]! > limit ? (g / of[unit]!) * limit : g
  })
}

/**
 * g ← g·min(1, clipNorm/‖g‖), the norm over everything that has a gradient and is clipped to the same norm: all that inherits
 * the norm of the whole, each group with another one by itself, or each parameter by itself.
 */
function limitNorms(
  gradients: readonly (Float64Array | null)[],
  parameters: readonly Limited[],
  whole: PlainOptions['clipNorm'],
): readonly (Float64Array | null)[] {
  if (parameters.every(({ options }) => options.clipNorm === undefined)) return gradients
  const ownerOf = (p: number): unknown => {
    const { options } = parameters[p]!
    if (typeof options.clipNorm === 'object') return p
    return options.clipNorm === whole ? 'whole' : options
  }
  const sums = new Map<unknown, number>()
  gradients.forEach((g, p) => {
    let sum = sums.get(ownerOf(p)) ?? 0
    if (g !== null) for (let i = 0; i < g.length; i++) sum += g[i]! * g[i]!
    sums.set(ownerOf(p), sum)
  })
  return gradients.map((g, p) => {
    const { clipNorm } = parameters[p]!.options
    if (g === null || clipNorm === undefined) return g
    const limit = typeof clipNorm === 'object' ? clipNorm.norm : clipNorm
    const sum = sums.get(ownerOf(p))!
    const by = sum === 0 ? 1 : Math.min(1, limit / Math.sqrt(sum))
    return g.map((value) => value * by)
  })
}

/** The arrays that are kept beside a parameter for evaluation, as they change with its steps. */
export interface Kept {
  /** x̄, an average of θ. */
  readonly average: Float64Array | undefined
  /** φ, the slow weights of Lookahead. */
  readonly slow: Float64Array | undefined
}

export function initialKept(options: PlainOptions, theta: ArrayLike<number>): Kept {
  return {
    average: options.averageWeights === undefined ? undefined : new Float64Array(theta.length),
    slow: options.lookahead === undefined ? undefined : new Float64Array(theta),
  }
}

/**
 * Changes what is kept, and θ itself where Lookahead synchronises.
 *
 * @param theta after the step
 * @param t the number of the parameter's steps, this one included
 */
export function keep({ average, slow }: Kept, theta: Float64Array, options: PlainOptions, t: number): void {
  const { syncPeriod = 5, slowStepSize = 0.5 } = options.lookahead ?? {}
  if (slow !== undefined && t % syncPeriod === 0) {
    slow.forEach((before, i) => (slow[i] = before + slowStepSize * (theta[i]! - before)))
    theta.set(slow)
  }
  if (average === undefined) return
  const share = shareAt(options.averageWeights!, t)
  average.forEach((before, i) => (average[i] = before + share * (theta[i]! - before)))
}

function shareAt(averageWeights: NonNullable<PlainOptions['averageWeights']>, t: number): number {
  if (typeof averageWeights === 'number') return (averageWeights + 1) / (t + averageWeights)
  if ('ema' in averageWeights) return t === 1 ? 1 : 1 - averageWeights.ema
  const { start = 1, every = 1 } = averageWeights.swa
  if (t <= start) return 1
  return (t - start) % every === 0 ? 1 / ((t - start) / every + 1) : 0
}

/** The mean over the calls of an update. */
export interface Mean {
  readonly gradients: readonly Gradient[]
  readonly loss: number | undefined
}

/** Adds up calls. The returned function returns the mean where a call completes an update, else how many calls wait. */
export function createSums(
  accumulate = 1,
): (gradients: readonly Gradient[], loss: number | undefined) => Mean | number {
  let calls: Mean[] = []
  if (accumulate === 1) return (gradients, loss) => ({ gradients, loss })
  return (gradients, loss) => {
    calls.push({ gradients: gradients.map((g) => g && new Float64Array(g)), loss })
    if (calls.length < accumulate) return calls.length
    const all = calls
    calls = []
    const losses = all.flatMap((call) => call.loss ?? [])
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / all.length
    return {
      loss: losses.length === all.length ? mean(losses) : undefined,
      gradients: gradients.map((_, p) => {
        const own = all.flatMap((call) => (call.gradients[p] ? [call.gradients[p]] : []))
        return own.length === 0 ? null : Float64Array.from(own[0]!, (_x, i) => mean(own.map((g) => g[i]!)))
      }),
    }
  }
}
