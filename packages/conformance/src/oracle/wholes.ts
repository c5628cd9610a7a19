import { average, inner, slot, type Base, type BaseInput, type Whole } from './base.js'

// Bases whose step depends on sums over all parameters that share them.

function sumOf(x: Float64Array): number {
  return x.reduce((sum, value) => sum + Math.abs(value), 0)
}

/** √(1−β₂ᵗ)/(1−β₁ᵗ), where it is asked for. */
function correctionOf(x: BaseInput, t: number): number {
  if (!x.flag('biasCorrection', false)) return 1
  return Math.sqrt(1 - x.h('beta2', 0.999) ** t) / (1 - x.h('beta1', 0.9) ** t)
}

/** The limit of growth; 0 stands for none. */
function growthOf(x: BaseInput): number {
  return x.h('growthRate', 0) || Infinity
}

function prodigySums(x: BaseInput, distance: number, rate: number): Float64Array {
  const beta3 = Math.sqrt(x.h('beta2', 0.999))
  const first = x.h('initialDistance', 1e-6)
  const weight = (distance / first) * (x.flag('safeguardWarmup', false) ? distance : rate)
  return slot(x, 'sums').map((value, i) => beta3 * value + weight * x.g[i]!)
}

/** Prodigy: Adam times an estimate of the distance to the solution. */
export const prodigyWhole: Whole = {
  totals: (x) => {
    const distance = x.shared['distance'] ?? x.h('initialDistance', 1e-6)
    const rate = distance * x.learningRate * correctionOf(x, x.count)
    const start = slot(x, 'start', x.theta)
    const travelled = start.map((value, i) => value - x.theta[i]!)
    const first = x.h('initialDistance', 1e-6)
    return [(distance / first) * rate * inner(x.g, travelled), sumOf(prodigySums(x, distance, rate))]
  },
  shared: (x) => {
    const first = x.h('initialDistance', 1e-6)
    const { distance = first, largest = first, numerator = 0 } = x.shared
    const [along, length] = x.totals as [number, number]
    // Without any progress nothing is estimated.
    if (length === 0) return { distance, largest, numerator }
    const sum = Math.sqrt(x.h('beta2', 0.999)) * numerator + along
    if (x.learningRate === 0) return { distance, largest, numerator: sum }
    const estimate = (x.h('coefficient', 1) * sum) / length
    const top = Math.max(largest, estimate)
    const from = distance === first ? Math.max(distance, estimate) : distance
    return { distance: Math.min(top, from * growthOf(x)), largest: top, numerator: sum }
  },
}

export const prodigy: Base = (x) => {
  const beta1 = x.h('beta1', 0.9)
  const beta2 = x.h('beta2', 0.999)
  const before = x.shared['distance'] ?? x.h('initialDistance', 1e-6)
  const correction = correctionOf(x, x.count)
  const m = average(
    slot(x, 'm'),
    x.g.map((g) => before * g),
    beta1,
  )
  const v = average(
    slot(x, 'v'),
    x.g.map((g) => (before * g) ** 2),
    beta2,
  )
  const denominator = v.map((value) => Math.sqrt(value) + x.sharedNext['distance']! * x.h('epsilon', 1e-8))
  const decay = x.h('weightDecay', 0)
  const scale = before * correction
  return {
    direction: m.map((value, i) => scale * (value / denominator[i]! + decay * x.theta[i]!)),
    dual: x.g.reduce((sum, g, i) => sum + (scale * before * g * g) / denominator[i]!, 0),
    slots: {
      m,
      v,
      sums: prodigySums(x, before, before * x.learningRate * correction),
      start: slot(x, 'start', x.theta),
    },
  }
}

function dadaptationSums(x: BaseInput, rate: number): Float64Array {
  const root = Math.sqrt(x.h('beta2', 0.999))
  return slot(x, 'sums').map((value, i) => root * value + (1 - root) * rate * x.g[i]!)
}

/** D-Adapt Adam: a lower bound of the distance to the solution, which only grows. */
export const dadaptationWhole: Whole = {
  totals: (x) => {
    const distance = x.shared['distance'] ?? x.h('initialDistance', 1e-6)
    const rate = distance * x.learningRate * correctionOf(x, x.count)
    const [sums, v] = [slot(x, 'sums'), slot(x, 'v')]
    const scaled = sums.map((value, i) => value / (Math.sqrt(v[i]!) + x.h('epsilon', 1e-8)))
    return [rate * inner(x.g, scaled), sumOf(dadaptationSums(x, rate))]
  },
  shared: (x) => {
    const { distance = x.h('initialDistance', 1e-6), numerator = 0 } = x.shared
    const [along, length] = x.totals as [number, number]
    if (length === 0) return { distance, numerator }
    const root = Math.sqrt(x.h('beta2', 0.999))
    const sum = root * numerator + (1 - root) * along
    if (x.learningRate === 0) return { distance, numerator: sum }
    const estimate = sum / ((1 - root) * length)
    return { distance: Math.max(distance, Math.min(estimate, distance * growthOf(x))), numerator: sum }
  },
}

export const dadaptation: Base = (x) => {
  const before = x.shared['distance'] ?? x.h('initialDistance', 1e-6)
  const scale = before * correctionOf(x, x.count)
  const m = average(
    slot(x, 'm'),
    x.g.map((g) => scale * g),
    x.h('beta1', 0.9),
  )
  const v = average(
    slot(x, 'v'),
    x.g.map((g) => g * g),
    x.h('beta2', 0.999),
  )
  const denominator = v.map((value) => Math.sqrt(value) + x.h('epsilon', 1e-8))
  const decay = x.h('weightDecay', 0)
  return {
    direction: m.map((value, i) => value / denominator[i]! + decay * scale * x.theta[i]!),
    dual: x.g.reduce((sum, g, i) => sum + (scale * g * g) / denominator[i]!, 0),
    slots: { m, v, sums: dadaptationSums(x, scale * x.learningRate) },
  }
}

/** DoG over all parameters together; LDoG keeps the same two numbers for each. */
export const dogWhole: Whole = {
  totals: (x) => {
    const travelled = slot(x, 'start', x.theta).map((value, i) => x.theta[i]! - value)
    return [inner(x.theta, x.theta), inner(travelled, travelled), inner(x.g, x.g)]
  },
  shared: (x) => dogNumbers(x, x.shared, x.totals),
}

function dogNumbers(
  x: BaseInput,
  { distance, squares = x.h('epsilon', 1e-8) }: Readonly<Record<string, number>>,
  [size = 0, travelled = 0, gradient = 0]: readonly number[],
): Readonly<Record<string, number>> {
  const first = x.h('initialDistance', 1e-6) * (1 + Math.sqrt(size))
  return {
    distance: distance === undefined ? first : Math.max(distance, Math.sqrt(travelled)),
    squares: squares + gradient,
  }
}

export const dog: Base = (x) => {
  const start = slot(x, 'start', x.theta)
  const layerwise = x.flag('layerwise', false)
  const own = x.slots['own']
  const before = own === undefined ? {} : { distance: own[0]!, squares: own[1]! }
  const { distance, squares } = layerwise ? dogNumbers(x, before, dogWhole.totals(x)) : x.sharedNext
  const scale = distance! / Math.sqrt(squares!)
  return {
    direction: x.g.map((g) => scale * g),
    dual: scale * inner(x.g, x.g),
    slots: { start, own: Float64Array.of(distance!, squares!) },
  }
}

/** optax.polyak_sgd (sps+): what is left of the loss over ‖g‖², at most the learning rate. */
export const polyakWhole: Whole = {
  totals: (x) => [inner(x.g, x.g)],
  shared: () => ({}),
}

export const polyak: Base = (x) => {
  const left = Math.max(0, x.loss - x.h('floor', 0))
  const length = x.totals[0]!
  const share = length === 0 ? 0 : Math.min(1, left / (x.learningRate * length))
  const scale = x.h('scaling', 1) * share
  return { direction: x.g.map((g) => scale * g), dual: scale * inner(x.g, x.g), slots: {} }
}

function momoAverage(x: BaseInput): Float64Array {
  const initial = x.flag('biasCorrection', false) ? undefined : x.g
  return average(slot(x, 'm', initial ?? 0), x.g, x.h('beta', 0.9))
}

/** MoMo: the Polyak step of averages of the losses, of the gradients and of ⟨g, θ⟩. */
export const momoWhole: Whole = {
  totals: (x) => {
    const m = momoAverage(x)
    return [inner(x.theta, x.g), inner(x.theta, m), inner(m, m)]
  },
  shared: (x) => {
    const beta = x.h('beta', 0.9)
    const kept = x.flag('biasCorrection', false) ? { loss: 0, products: 0 } : undefined
    const before = { loss: x.loss, products: x.totals[0]!, ...kept, ...x.shared }
    return {
      loss: beta * before.loss + (1 - beta) * x.loss,
      products: beta * before.products + (1 - beta) * x.totals[0]!,
    }
  },
}

export const momo: Base = (x) => {
  const m = momoAverage(x)
  const bias = x.flag('biasCorrection', false) ? 1 - x.h('beta', 0.9) ** x.count : 1
  const { loss, products } = x.sharedNext
  const [, along, length] = x.totals as [number, number, number]
  const above = loss! - bias * x.h('floor', 0) + along - products!
  const scale = above <= 0 ? 0 : Math.min(1 / bias, above / (x.learningRate * length))
  return {
    direction: m.map((value) => scale * value),
    dual: scale * bias * inner(x.g, x.g),
    slots: { m },
  }
}
