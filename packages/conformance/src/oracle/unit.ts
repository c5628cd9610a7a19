import {
  follows,
  innermost,
  isTied,
  type PlainBase,
  type PlainNumber,
  type PlainOptions,
  type PlainStartAxis,
} from '../plain.js'
import { averages, type Moment } from './averages.js'
import { peakOf, valueAt } from './schedules.js'

/** A metric unit: parameters that share one average of s and one factor. A group, or one parameter if the scope says so. */
export interface Unit {
  readonly options: PlainOptions
  /** The number of scalars in the sum s. */
  readonly scalars: number
  /** The bases of the parameters in the sum s, each once, in the order of the parameters. */
  readonly bases: readonly PlainBase[]
  state: UnitState
}

/** The state of a unit between steps. */
export interface UnitState {
  readonly t: number
  /** The average of s, before its bias correction. */
  readonly average: number
  /** Averages of the losses by their rates, before bias correction. */
  readonly losses: readonly [eight: number, nine: number, ninetyNine: number]
  /** The first loss above the floor, or the largest average of the first ten; before there is one, the latest value. */
  readonly first: number
  /** The largest of the last factors above 0, each .99 times itself for every step since; 0 before there is one. */
  readonly recent: number
  /**
   * By base, the stored values of the average of the linearised losses: L itself when it arrives, with the first base, and
   * ⟨m, Δθ⟩ of the parameters that have moved since, where m is each stored array of the average of gradients.
   */
  readonly kept: readonly (readonly number[])[]
}

/** The state before the first step. */
export function initialUnit(bases: readonly PlainBase[]): UnitState {
  return { t: 0, average: 0, losses: [0, 0, 0], first: NaN, recent: 0, kept: bases.map(() => []) }
}

/** The sums over a unit's parameters that have a gradient. */
export interface UnitSums {
  /** s, not negative. */
  readonly dual: number
  /** ⟨x̂, d⟩, where the model of the loss is averaged; else 0. */
  readonly along: number
}

/** A state after its parameters have moved: `changes` are their ⟨m, Δθ⟩, by base and array. */
export function afterMoves(state: UnitState, changes: readonly (readonly number[])[]): UnitState {
  // A base none of whose parameters has moved has no changes.
  return {
    ...state,
    kept: state.kept.map((values, i) => values.map((value, k) => value + (changes[i]![k] ?? 0))),
  }
}

/** The result of a unit's step: its next state, the numbers of the report, and whether the loss is valid. */
export interface UnitStep {
  readonly state: UnitState
  readonly scale: number
  readonly metric: number
  readonly xi: number
  readonly good: boolean
}

const rates = [0.8, 0.9, 0.99] as const

/** A base's hyperparameters at a step. */
export function momentOf(base: PlainBase, t: number, step: number): Moment {
  return {
    t,
    h: (name, otherwise) => valueAt((base[name] as PlainNumber | undefined) ?? otherwise, step),
    flag: (name, otherwise) => (base[name] as boolean | undefined) ?? otherwise,
  }
}

/** The policy for a loss outside the embedding's domain. */
export function badLossPolicy(options: PlainOptions): NonNullable<PlainOptions['onBadLoss']> {
  const gentle = isTied(options) || follows(options) || options.averagedModel === true
  return options.onBadLoss ?? (gentle ? 'zero' : 'throw')
}

/** Whether decay is scaled by ρ like the step. */
export function scalesDecay(options: PlainOptions): boolean {
  return (options.decayScaling ?? (isTied(options) ? 'step' : 'rate')) === 'step'
}

/** Whether a step requires its loss. */
export function needsLoss(options: PlainOptions): boolean {
  if (['polyak', 'momo'].includes(options.base?.name ?? '')) return true
  return (options.embedding?.name ?? 'identity') !== 'identity' || options.startAxis !== undefined
}

/** Whether the step is that of the base alone, so that no s is reported. */
export function isPlain({ xi, embedding, startAxis }: PlainOptions): boolean {
  return xi === 0 && (embedding?.name ?? 'identity') === 'identity' && startAxis === undefined
}

/** The peak of the learning rate over all steps, or its value at this step if it has no peak. */
function peakRate({ learningRate }: PlainOptions, step: number): number {
  return peakOf(learningRate!) ?? valueAt(learningRate!, step)
}

function xiOf({ options, scalars }: Unit, step: number): number {
  const { xi = 'auto' } = options
  if (xi === 'auto') return 1 / scalars
  if (xi === 'rate') return peakRate(options, step)
  if (typeof xi === 'object' && 'perRate' in xi) return (xi.perRate as number) * peakRate(options, step)
  return valueAt(xi, step)
}

/** The floor of the losses: the given one, or the bound of one that follows them. */
function boundOf({ embedding }: PlainOptions, step: number): number {
  const floor = embedding?.floor ?? 0
  if (floor === 'follow') return 0
  if (typeof floor === 'object' && 'follow' in floor) return floor.follow as number
  return valueAt(floor, step)
}

/**
 * One step of a unit by the formulas. With v̂ = ξ·v/(1−βᵗ), v = βv + (1−β)s, and ℓ the loss above its floor, the factor is
 * h′/(1 + f′²v̂) (arXiv:2509.03594); a second axis of weight `extra` divides 1/ρ + extra. A cap that is c times as high as at the
 * start multiplies the rate: the step, ξ and the extra weight.
 */
export function stepUnit(unit: Unit, sums: UnitSums, loss: number, step: number): UnitStep {
  const { options, bases, state } = unit
  const { beta = 0.8, embedding = { name: 'identity' } } = options
  const t = state.t + 1
  const average = beta * state.average + (1 - beta) * sums.dual
  const smooth = average / (1 - beta ** t)
  const losses = rates.map((rate, i) => rate * state.losses[i]! + (1 - rate) * loss)
  const [now, fast, slow] = losses.map((sum, i) => sum / (1 - rates[i]! ** t)) as [number, number, number]
  const bound = boundOf(options, step)
  const early = t <= 10 ? Math.max(state.first, fast) : state.first
  const first = state.first > bound ? early : loss

  // The averaged model at θ: ψ = A[L + ⟨g, θ − θ′⟩], L and g taken at θ′.
  const modelled = options.averagedModel === true ? bases.map(innermost) : []
  const models = modelled.map((base, i) =>
    averages[base.name]!(momentOf(base, t, step))(state.kept[i]!, i === 0 ? loss : 0),
  )
  const psi = models.reduce((sum, [, value]) => sum + value, 0)

  const gain = Math.max(0, slow - fast)
  const floor = follows(options) ? Math.max(bound, fast - 3 * gain - 0.1 * (fast - bound)) : bound
  const level = options.averagedModel === true ? psi : follows(options) ? now : loss
  const height = level - floor
  const xi = xiOf(unit, step)
  const metric = xi * (options.averagedModel === true ? Math.max(0, sums.along) : smooth)

  const risen = risenBy(options, t, step)
  const start = options.startAxis
  const drop = first - bound
  const axis =
    start === undefined
      ? 0
      : risen * peakRate(options, step) * startWeight(start, t, Math.max(0, fast - bound), drop, smooth)
  const good = isGood(embedding.name, height) && (start === undefined || drop > 0)
  const rho = factor(embedding.name, risen * metric, height)
  const free = axis === Infinity ? 0 : (risen * rho) / (1 + rho * axis)
  const limit = state.recent > 0 ? (options.growthRate ?? Infinity) * state.recent : Infinity
  const scale = good ? Math.min(free, limit) : badLossPolicy(options) === 'base' ? 1 : 0
  const kept = models.map(([value]) => value)
  return {
    state: {
      t,
      average,
      losses: losses as [number, number, number],
      first,
      recent: good && scale > 0 ? Math.max(scale, 0.99 * state.recent) : state.recent,
      kept,
    },
    scale,
    metric,
    xi,
    good,
  }
}

/** The start axis per unit of the rate; infinite when the steps are over. */
function startWeight(
  { weight, power = 0.75, steps }: PlainStartAxis,
  t: number,
  height: number,
  drop: number,
  smooth: number,
): number {
  if (steps === undefined) return (weight * smooth) / drop
  const share = Math.min(1, (t - 1) / steps)
  if (share === 1) return Infinity
  return (((weight * smooth) / drop) * (height / drop) ** power) / (1 - share)
}

/** How many times as high as at the start a rising cap is. It rises to 1 unless said otherwise, and never falls. */
function risenBy(options: PlainOptions, t: number, step: number): number {
  if (options.risingCap === undefined || isPlain(options)) return 1
  const { growth = 1.02, to = 1 } = options.risingCap
  return Math.min(growth ** (t - 1), Math.max(1, to / peakRate(options, step)))
}

function isGood(embedding: string, height: number): boolean {
  return embedding === 'identity' || height > 0
}

/** h′/(1 + f′²·v̂), written out per embedding. */
function factor(embedding: string, metric: number, height: number): number {
  if (embedding === 'identity') return 1 / (1 + metric)
  if (embedding === 'log') return height / (height * height + metric)
  if (embedding === 'logDamped') return (height * height) / (height * height + metric)
  if (embedding === 'root') return height / (height + metric)
  throw new Error(`oracle: unknown embedding ${embedding}`)
}
