import type { PlainBase, PlainNumber, PlainOptions, PlainTransformation } from '../plain.js'
import { bases, type BaseResult } from './bases.js'
import { valueAt } from './schedules.js'

/** A parameter as the oracle takes it; the data are copied. */
export interface OracleParameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: ArrayLike<number>
  readonly group?: string | undefined
}

/** What the oracle says of a step; the factor and the metric are those of the first unit. */
export interface OracleReport {
  readonly step: number
  readonly scale: number
  readonly dualNorm: number
  readonly metric: number
  readonly learningRate: number
  readonly xi: number
  readonly skipped: boolean
  readonly skippedSteps: number
}

/** Thrown where an optimiser must throw; `code` is the code it must throw with. */
export class OracleError extends Error {
  readonly code: string
  constructor(code: string) {
    super(`the oracle expects ${code}`)
    this.code = code
  }
}

/** The expected trajectory, step by step. */
export interface Oracle {
  step(
    gradients: readonly (ArrayLike<number> | null)[],
    options?: { readonly loss?: number | undefined },
  ): OracleReport
  /** Copies of the parameters. */
  read(): Float64Array[]
}

interface Parameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly theta: Float64Array
  readonly options: PlainOptions
  readonly unit: Unit
  slots: Readonly<Record<string, Float64Array>>
  t: number
}

/** What shares one average of s and one factor: a group, or a parameter where the scope says so. */
interface Unit {
  readonly options: PlainOptions
  readonly scalars: number
  average: number
  t: number
}

/**
 * The induced-metric optimiser in plain float64 loops: the second writing of the formulas, which shares nothing with
 * the core and is there to disagree with it.
 *
 * s = Σ g·(P g) over everything that has a gradient; v = βv + (1−β)s; v̂ = ξ·v/(1−βᵗ); ρ from the embedding;
 * Δθ = −lr·ρ·P m̂ − lr·wd·θ with the old θ (arXiv:2509.03594).
 */
export function createOracle(
  transformation: PlainTransformation,
  parameters: readonly OracleParameter[],
): Oracle {
  const scope = transformation.metricScope ?? 'global'
  const units = new Map<string, Unit>()
  const length = (p: OracleParameter): number => p.shape.reduce((a, b) => a * b, 1)
  const state: Parameter[] = parameters.map((p, index) => {
    const group = p.group ?? ''
    const options: PlainOptions = { ...transformation, ...transformation.groups?.[group] }
    const ownOptions = Object.hasOwn(transformation.groups ?? {}, group)
    const key = scope === 'parameter' ? String(index) : scope === 'group' || ownOptions ? group : ''
    const within = parameters.filter((q, other) => {
      if (scope === 'parameter') return other === index
      return scope === 'global' || (q.group ?? '') === group
    })
    const scalars = within.reduce((n, q) => n + length(q), 0)
    let unit = units.get(key)
    if (unit === undefined) units.set(key, (unit = { options, scalars, average: 0, t: 0 }))
    return { name: p.name, shape: p.shape, theta: Float64Array.from(p.data), options, unit, slots: {}, t: 0 }
  })

  let taken = 0
  let skippedSteps = 0

  const skipped = (): OracleReport => {
    skippedSteps++
    return {
      step: taken,
      scale: NaN,
      dualNorm: NaN,
      metric: NaN,
      learningRate: NaN,
      xi: NaN,
      skipped: true,
      skippedSteps,
    }
  }

  return {
    read: () => state.map((p) => p.theta.slice()),

    step(given, { loss } = {}) {
      const step = taken + 1
      const gradients = clip(given, transformation.clipNorm)
      const active = state.filter((_, i) => gradients[i] !== null)
      if (active.length === 0) return skipped()
      const nonFinite = (): OracleReport => {
        if (transformation.onNonFinite === 'throw') throw new OracleError('ERR_NON_FINITE')
        return skipped()
      }

      // The loss first: a step that cannot be taken computes nothing.
      for (const p of active) {
        const embedding = p.options.embedding?.name ?? 'identity'
        if (embedding === 'identity') continue
        if (loss === undefined) throw new OracleError('ERR_LOSS_REQUIRED')
        if (!Number.isFinite(loss)) return nonFinite()
        if (loss <= valueAt(p.options.embedding?.floor ?? 0, step)) {
          const policy = p.options.onBadLoss ?? 'throw'
          if (policy === 'throw') throw new OracleError('ERR_BAD_LOSS')
          if (policy === 'skip') return skipped()
        }
      }

      const results = new Map<Parameter, BaseResult>()
      const sums = new Map<Unit, number>()
      let total = 0
      for (const p of active) {
        const result = runBase(p, gradients[state.indexOf(p)]!, step)
        results.set(p, result)
        total += result.dual
        sums.set(p.unit, (sums.get(p.unit) ?? 0) + result.dual)
      }
      if (!Number.isFinite(total)) return nonFinite()

      let first: Omit<OracleReport, 'step' | 'skipped' | 'skippedSteps'> | undefined
      const factors = new Map<Unit, number>()
      for (const unit of scope === 'global' ? units.values() : new Set(active.map((p) => p.unit))) {
        const { beta = 0.8, xi = 'auto', embedding = { name: 'identity' } } = unit.options
        const s = Math.max(0, scope === 'global' ? total : sums.get(unit)!)
        const xiNow = xi === 'auto' ? 1 / unit.scalars : valueAt(xi, step)
        unit.t++
        unit.average = beta * unit.average + (1 - beta) * s
        const metric = (xiNow * unit.average) / (1 - beta ** unit.t)
        const scale = factor(
          embedding.name,
          metric,
          (loss ?? NaN) - valueAt(embedding.floor ?? 0, step),
          unit.options.onBadLoss,
        )
        factors.set(unit, scale)
        const plain = xi === 0 && embedding.name === 'identity'
        const learningRate = valueAt(unit.options.learningRate!, step)
        first ??= { scale, dualNorm: plain ? NaN : s, metric, learningRate, xi: xiNow }
      }

      for (const p of active) {
        const result = results.get(p)!
        const rho = factors.get(p.unit)!
        const learningRate = valueAt(p.options.learningRate!, step)
        const decay = decays(p) ? valueAt(p.options.weightDecay ?? 0, step) : 0
        for (let i = 0; i < p.theta.length; i++) {
          p.theta[i] =
            p.theta[i]! - learningRate * rho * result.direction[i]! - learningRate * decay * p.theta[i]!
        }
        p.slots = result.slots
        p.t++
      }
      taken = step
      return { step, ...first!, skipped: false, skippedSteps }
    },
  }
}

/** h′/(1 + f′²·v̂), written out per embedding. */
function factor(
  embedding: string,
  metric: number,
  height: number,
  onBadLoss: PlainOptions['onBadLoss'],
): number {
  if (embedding === 'identity') return 1 / (1 + metric)
  if (height <= 0) return onBadLoss === 'base' ? 1 : 0
  if (embedding === 'log') return height / (height * height + metric)
  if (embedding === 'logDamped') return (height * height) / (height * height + metric)
  throw new Error(`oracle: unknown embedding ${embedding}`)
}

function runBase(p: Parameter, gradient: ArrayLike<number>, step: number): BaseResult {
  let base: PlainBase = p.options.base!
  if (base.name === 'muon' && p.shape.length !== 2) base = p.options.fallback ?? { name: 'adam' }
  const run = bases[base.name]
  if (run === undefined) throw new Error(`oracle: unknown base ${base.name}`)
  return run({
    g: Float64Array.from(gradient),
    shape: p.shape,
    t: p.t + 1,
    slots: p.slots,
    h: (name, otherwise) => valueAt((base[name] as PlainNumber | undefined) ?? otherwise, step),
    flag: (name, otherwise) => (base[name] as boolean | undefined) ?? otherwise,
  })
}

function decays(p: Parameter): boolean {
  const mask = p.options.decayMask ?? 'all'
  if (mask === 'all') return true
  if (mask === 'matrices') return p.shape.length >= 2
  return mask.includes(p.name)
}

/** g ← g·min(1, clipNorm/‖g‖), the norm over everything that has a gradient. */
function clip(
  gradients: readonly (ArrayLike<number> | null)[],
  clipNorm: number | undefined,
): readonly (ArrayLike<number> | null)[] {
  if (clipNorm === undefined) return gradients
  let sum = 0
  for (const g of gradients) {
    if (g !== null) for (let i = 0; i < g.length; i++) sum += g[i]! * g[i]!
  }
  const by = Math.min(1, clipNorm / Math.sqrt(sum))
  return gradients.map((g) =>
    g === null ? null : Float64Array.from(g, (value) => value * (sum === 0 ? 1 : by)),
  )
}
