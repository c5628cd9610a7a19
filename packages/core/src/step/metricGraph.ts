import {
  add,
  div,
  ema,
  finite,
  greater,
  input,
  literal,
  max,
  min,
  mul,
  pow,
  select,
  sqrt,
  sub,
  type Expr,
} from '../graph/algebra.js'
import { embeddingInput, followedFloor, recordEmbedding } from '../transformation/embedding.js'
import { buildGraph, type Graph } from '../graph/graph.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import type { Reduction } from './stepGraph.js'
import { recordBaseAverage } from './baseAverage.js'
import type { Recorder } from './recordings.js'
import { metricForm, textOfMetric, type MetricForm } from './metricForm.js'
import { createRecordingStore } from './recordingStore.js'
import type { GroupSettings } from '../transformation/types.js'

/** Values of the `status` output of a metric graph. */
export const stepStatus = { ok: 0, nonFinite: 1, badLoss: 2 } as const

/** An input of a metric graph that is a sum over parameters. */
export interface MetricSum {
  readonly input: string
  /** The output of the parameters' graphs that is summed. */
  readonly output: Reduction
}

/** A sum that is added to a scalar of a metric's state after the parameters have been written. */
export interface MetricChange {
  readonly state: string
  /** The slot along which the parameters' changes are summed: the output `change.SLOT` of their graphs. */
  readonly slot: string
  /** The base whose parameters are summed over, by its index among those that the graph was recorded for. */
  readonly base: number
}

/**
 * The recorded scalar work between the two passes. Inputs: the {@link MetricSum}s, `dualNorm` (s) first; `loss` (where
 * `needsLoss`), `average` (v), `metricStep` (t, this step included), `state.NAME`, `xi`, `beta`, `embedding.NAME` and, where a
 * setting needs them, `startAxis.NAME`, `growthRate`, `risingCap.NAME` and `model.I.base.NAME`. Outputs: `average`,
 * `state.NAME` (their next values), `metric` (v̂), `scale` (ρ), `status` (see {@link stepStatus}; unless it is 0, nothing may be
 * written).
 */
export interface MetricGraph extends Graph {
  readonly needsLoss: boolean
  /** Whether s is computed. It is not where ξ = 0 and the embedding is the identity: that is the base itself. */
  readonly metric: boolean
  readonly sums: readonly MetricSum[]
  /** The names of the scalars that are kept from step to step, beside v. They start from 0. */
  readonly state: readonly string[]
  /** The sums that are added to them after the step. */
  readonly changes: readonly MetricChange[]
}

/** The rates of the averages of losses that a floor follows. The start axis uses `fast` as well. */
const lossRates = { fast: 0.9, slow: 0.99, now: 0.8 } as const

/** The number of losses that count as the first: a single one may belong to an example that is already right by chance. */
const firstLosses = 10

/**
 * The state that counts the averaged losses. Where a metric is computed on a device in single precision, keep this one on the
 * host: 1 − .99ᵗ of a rounded power has few digits left.
 */
export const lossCount = 'losses'

/** The averages of the losses so far, corrected for bias, and their state. */
function createLossAverages(loss: Expr) {
  const states: Record<string, Expr> = {}
  // Not the metric's count: training may have started without these averages.
  const before = input(`state.${lossCount}`, 'scalar')
  const count = add(before, 1)
  const keep = (name: string, next: Expr): void => {
    states[lossCount] = count
    states[name] = next
  }
  return {
    states,
    count(): Expr {
      states[lossCount] = count
      return count
    },
    mean(name: keyof typeof lossRates): Expr {
      const rate = lossRates[name]
      const next = ema(input(`state.${name}`, 'scalar'), loss, rate)
      keep(name, next)
      return div(next, sub(1, pow(rate, count)))
    },
    /** The first loss above a bound, or the largest average of the first few, which may be much larger where a batch is one example. */
    first(bound: Expr): Expr {
      const stored = input('state.firstLoss', 'scalar')
      // A loss that is not above the floor has no share to measure; the next one may have.
      const isKnown = mul(greater(before, 0), greater(sub(stored, bound), 0))
      const early = select(greater(firstLosses, before), max(stored, this.mean('fast')), stored)
      const first = select(isKnown, early, loss)
      keep('firstLoss', first)
      return first
    },
  }
}

type LossAverages = ReturnType<typeof createLossAverages>

/** A floor that follows the losses: no step promises more than three times the gain of the last hundred, plus a tenth of the rest. */
function followingFloor(averages: LossAverages, bound: Expr): Expr {
  const fast = averages.mean('fast')
  const gain = max(0, sub(averages.mean('slow'), fast))
  return max(bound, sub(sub(fast, mul(3, gain)), mul(0.1, sub(fast, bound))))
}

/**
 * ψ, the averaged linear model of the loss at θ: A[L + ⟨g, θ − θ′⟩] over all steps so far, with g and L taken at θ′. The value
 * of a linearisation is the loss where it is taken, and grows by ⟨g, Δθ⟩ in each step. So each slot m that averages gradients
 * has a scalar that averages these values, to which ⟨m, Δθ⟩ is added once θ has been written. This equals
 * A[L − ⟨g, θ⟩] + ⟨x̂, θ⟩, but it reads no parameter and subtracts no large numbers.
 */
function averagedModel(
  bases: readonly Preconditioner[],
  loss: Expr,
  averages: LossAverages,
  record: Recorder,
): { value: Expr; states: Readonly<Record<string, Expr>>; changes: readonly MetricChange[] } {
  const changes: MetricChange[] = []
  const states: Record<string, Expr> = {}
  let value: Expr = literal(0)
  bases.forEach((base, index) => {
    // The average of the losses themselves belongs to the first base.
    const present = index === 0 ? loss : literal(0)
    const average = recordBaseAverage(base, index, present, () => averages.count(), record)
    for (const { name, slot, next, averages } of average.states) {
      states[name] = next
      if (averages) changes.push({ state: name, slot, base: index })
    }
    value = index === 0 ? average.mean : add(value, average.mean)
  })
  return { value, states, changes }
}

/** c, by which the cap has risen at a step; `undefined` where it does not rise. */
function risenCap({ capRises }: MetricForm, step: Expr): Expr | undefined {
  if (!capRises) return undefined
  const setting = (name: string): Expr => input(`risingCap.${name}`, 'scalar')
  return min(pow(setting('growth'), sub(step, 1)), max(1, div(setting('to'), setting('rate'))))
}

/** ρ with the start axis beside the embedding's, and the domain of the first loss. */
function withStartAxis(
  { startAxis, embedding }: MetricForm,
  factor: Expr,
  given: {
    readonly dualNorm: Expr
    readonly cap: Expr | undefined
    readonly step: Expr
    readonly bound: Expr
    readonly averages: LossAverages
  },
): { factor: Expr; domain: Expr | undefined } {
  if (startAxis === 'no') return { factor, domain: undefined }
  const setting = (name: string): Expr => input(`startAxis.${name}`, 'scalar')
  const bound = 'floor' in embedding.hyperparameters ? given.bound : literal(0)
  const height = sub(given.averages.first(bound), bound)
  const plain = mul(mul(setting('rate'), setting('weight')), div(given.dualNorm, height))
  const weight = given.cap ? mul(given.cap, plain) : plain
  const domain = height
  const joined = (extra: Expr): Expr => div(factor, add(1, mul(factor, extra)))
  if (startAxis === 'open') return { factor: joined(weight), domain }
  const share = div(max(0, sub(given.averages.mean('fast'), bound)), height)
  const left = max(0, sub(1, div(sub(given.step, 1), setting('steps'))))
  const extra = mul(weight, div(pow(share, setting('power')), left))
  return { factor: select(greater(left, 0), joined(extra), 0), domain }
}

/** The state by which growth is measured: the largest of the last factors, each less by a hundredth for every step since. */
const recentFactor = 'recentScale'
const recentDecay = 0.99

/** A factor that is at most the growth rate times those of the last good steps, where that is set. It adds its state. */
function limitGrowth(
  { limitsGrowth }: MetricForm,
  factor: Expr,
  good: Expr,
  states: Record<string, Expr>,
): Expr {
  if (!limitsGrowth) return factor
  const before = input(`state.${recentFactor}`, 'scalar')
  const limited = min(factor, mul(input('growthRate', 'scalar'), before))
  const chosen = select(greater(before, 0), limited, factor)
  const next = max(chosen, mul(recentDecay, before))
  states[recentFactor] = select(mul(good, greater(chosen, 0)), next, before)
  return chosen
}

const metricGraphs = createRecordingStore<MetricGraph>()

/** The metric's graph of a group, which groups of one structure share. See {@link recordMetric}. */
export function metricGraphOf(
  settings: GroupSettings,
  bases: readonly Preconditioner[],
  record: Recorder,
): MetricGraph {
  const form = metricForm(settings)
  return metricGraphs(textOfMetric(form, bases), () => recordMetric(form, bases, record))
}

/**
 * Records v, v̂, ρ, and the status: which losses and dual norms forbid the step.
 *
 * @param bases of the parameters that are summed over, where the model is averaged
 * @throws ERR_NOT_SUPPORTED when the model is to be averaged and a base gives no average
 */
function recordMetric(form: MetricForm, bases: readonly Preconditioner[], record: Recorder): MetricGraph {
  const given = input('dualNorm', 'scalar')
  const average = input('average', 'scalar')
  const dual: MetricSum = { input: 'dualNorm', output: 'dual' }

  if (form.isPlain) {
    const status = select(finite(given), stepStatus.ok, stepStatus.nonFinite)
    const graph = buildGraph({ average, metric: literal(0), scale: literal(1), status })
    return { ...graph, metric: false, needsLoss: false, sums: [dual], state: [], changes: [] }
  }

  // v = βv + (1−β)s; v̂ = ξ·v/(1−βᵗ). The average is of s, not of ξs, so that ξ can be scheduled.
  const beta = input('beta', 'scalar')
  const step = input('metricStep', 'scalar')
  const nextAverage = ema(average, max(given, 0), beta)
  const correction = sub(1, pow(beta, step))
  const xi = input('xi', 'scalar')
  const sums = [dual]
  const states: Record<string, Expr> = {}
  const changes: MetricChange[] = []

  const loss = input('loss', 'scalar')
  const averages = createLossAverages(loss)
  const followed = followedFloor(form.embedding)
  const bound = input(embeddingInput('floor'), 'scalar')
  const floor = followed === undefined ? undefined : followingFloor(averages, bound)
  let level = loss
  if (followed !== undefined && !form.averagedModel) level = averages.mean('now')
  let metric = mul(div(xi, correction), nextAverage)
  if (form.averagedModel) {
    const fall: MetricSum = { input: 'fall', output: 'averageDotDirection' }
    sums.push(fall)
    metric = mul(xi, max(input('fall', 'scalar'), 0))
    const isRead = readsLoss(form)
    const model = averagedModel(bases, loss, isRead ? averages : createLossAverages(loss), record)
    // An embedding that never reads the loss has no use for a model of it.
    if (isRead) {
      level = model.value
      changes.push(...model.changes)
      Object.assign(states, model.states)
    }
  }
  const cap = risenCap(form, step)
  const capped = cap ? mul(cap, metric) : metric
  const plain = recordEmbedding(form.embedding, { loss: level, metric: capped, floor })
  const { factor: joined, domain } = withStartAxis(form, plain.factor, {
    dualNorm: div(nextAverage, correction),
    cap,
    step,
    bound,
    averages,
  })
  Object.assign(states, averages.states)
  const factor = cap ? mul(cap, joined) : joined

  // If the factor is negative, infinite or NaN, the embedding cannot take the loss, whatever its domain says.
  let good = mul(finite(factor), sub(1, greater(0, factor)))
  for (const positive of [plain.domain, domain]) if (positive) good = mul(greater(positive, 0), good)
  const allowed = limitGrowth(form, factor, good, states)
  const policy = form.onBadLoss
  const replaced = policy === 'base' || policy === 'zero'
  const scale = replaced ? select(good, allowed, policy === 'base' ? 1 : 0) : allowed
  const read = [factor, ...(plain.domain ? [plain.domain] : []), ...Object.values(states)]
  const inDomain = replaced ? literal(stepStatus.ok) : select(good, stepStatus.ok, stepStatus.badLoss)
  const whenLossFinite = reads('loss', read) ? select(finite(loss), inDomain, stepStatus.nonFinite) : inDomain
  const total = sums.map((sum) => input(sum.input, 'scalar')).reduce((a, b) => add(a, b))
  const status = select(finite(total), whenLossFinite, stepStatus.nonFinite)
  const outputs: Record<string, Expr> = { average: nextAverage, metric, scale, status }
  for (const [name, next] of Object.entries(states)) outputs[`state.${name}`] = next
  const names = Object.keys(states)
  const graph = buildGraph(outputs)
  return {
    ...graph,
    metric: true,
    needsLoss: graph.nodes.some((node) => node.name === 'loss'),
    sums,
    state: names,
    changes,
  }
}

/** Whether the embedding's factor or domain depends on the loss. */
function readsLoss({ embedding }: MetricForm): boolean {
  const given = { loss: input('loss', 'scalar'), metric: input('metric', 'scalar') }
  const { factor, domain } = recordEmbedding(embedding, given)
  return reads('loss', [factor, ...(domain ? [domain] : [])])
}

function reads(name: string, roots: readonly Expr[]): boolean {
  const seen = new Set<Expr>()
  const visit = (x: Expr): boolean => {
    if (seen.has(x)) return false
    seen.add(x)
    return x.name === name || x.inputs.some(visit)
  }
  return roots.some(visit)
}

/** The factor that scales a gradient of squared norm `normSquared` down to norm `clipNorm`; NaN where that is not finite. */
export const clipGraph: Graph = buildGraph({
  clip: select(
    finite(input('normSquared', 'scalar')),
    min(1, div(input('clipNorm', 'scalar'), sqrt(input('normSquared', 'scalar')))),
    NaN,
  ),
})
