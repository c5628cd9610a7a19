import type { Json, PlainParameter } from './space.js'

// Samplers work in the unit interval, in which each parameter is uniform.

/** The value of a parameter at a place in [0, 1). */
export function fromUnit(parameter: PlainParameter, unit: number): Json {
  switch (parameter.kind) {
    case 'uniform':
      return Math.min(parameter.low + unit * (parameter.high - parameter.low), parameter.high)
    case 'logUniform':
      return clamp(expBetween(parameter.low, parameter.high, unit), parameter.low, parameter.high)
    case 'integer': {
      const { low, high, log } = parameter
      const place = log ? expBetween(low, high + 1, unit) : low + unit * (high - low + 1)
      return clamp(Math.floor(place), low, high)
    }
    case 'choice':
      return parameter.values[
        Math.min(Math.floor(unit * parameter.values.length), parameter.values.length - 1)
      ]!
  }
}

/** The place in [0, 1] of a value: of a whole number or a choice the middle of its part. */
export function toUnit(parameter: PlainParameter, value: Json): number {
  switch (parameter.kind) {
    case 'uniform':
      return ((value as number) - parameter.low) / (parameter.high - parameter.low)
    case 'logUniform':
      return logShare(parameter.low, parameter.high, value as number)
    case 'integer': {
      const { low, high, log } = parameter
      if (!log) return ((value as number) - low + 0.5) / (high - low + 1)
      return (logShare(low, high + 1, value as number) + logShare(low, high + 1, (value as number) + 1)) / 2
    }
    case 'choice': {
      const text = JSON.stringify(value)
      const index = parameter.values.findIndex((one) => JSON.stringify(one) === text)
      return (index + 0.5) / parameter.values.length
    }
  }
}

/** Evenly spaced values of a parameter, both ends included; all of them where there are no more. */
export function spaced(parameter: PlainParameter, points: number): Json[] {
  if (parameter.kind === 'choice') return [...parameter.values]
  const { low, high } = parameter
  const count = parameter.kind === 'integer' ? Math.min(points, high - low + 1) : points
  const isLog = parameter.kind === 'logUniform' || (parameter.kind === 'integer' && parameter.log)
  const values = Array.from({ length: count }, (_, index) => {
    if (index === 0) return low
    if (index === count - 1) return high
    const share = index / (count - 1)
    const value = isLog ? expBetween(low, high, share) : low + share * (high - low)
    return parameter.kind === 'integer' ? Math.round(value) : value
  })
  return [...new Set(values)]
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)

/** The number at a share of the way between two others, by their logarithms. */
function expBetween(low: number, high: number, share: number): number {
  return Math.exp(Math.log(low) + share * (Math.log(high) - Math.log(low)))
}

const logShare = (low: number, high: number, value: number): number =>
  Math.log(value / low) / Math.log(high / low)
