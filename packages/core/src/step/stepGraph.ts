import {
  add,
  div,
  dot,
  greater,
  input,
  literal,
  mul,
  neg,
  select,
  sub,
  sum,
  type Expr,
  type Op,
  type Shape,
} from '../graph/algebra.js'
import { sharedInput, totalInput } from '../transformation/declarations.js'
import { buildGraph, type Graph } from '../graph/graph.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import type { RecordedSlot, RecordedUpdate } from '../transformation/recordedUpdate.js'
import { plainForm, type BaseForm, type Recorder } from './recordings.js'
import { addKeptSlots, keptWeights, lookAhead, type Keeping } from './wrapperGraphs.js'

/** Everything that a parameter's graph depends on. Parameters of equal form share it. */
export interface StepForm extends BaseForm, Keeping {
  /** Whether the factor ρ enters at all. */
  readonly metric: boolean
  /** Whether the parameter is decayed, and what scales its decay. */
  readonly decays: 'no' | 'rate' | 'step'
  /** Whether an averaged model of the loss needs sums of this parameter. */
  readonly model: boolean
}

/**
 * A sum over a parameter that is taken before anything is written: its part of s, or ⟨x̂, d⟩ where the model of the loss is
 * averaged.
 */
export type Reduction = 'dual' | 'averageDotDirection'

/**
 * The recorded work of one step on one parameter. Tensor inputs: `gradient`, `parameter`, `slot.NAME` and `normal.STREAM`
 * (standard normal numbers, see `fillNormals`). Scalar inputs: `step`, `learningRate`, `weightDecay`, those of wrappers, `rows`,
 * `columns`, `size`, `base.NAME`, `slot.NAME` of a scalar slot, `loss`, `profileStep`, `shared.NAME` (its value before the step),
 * and three that are known only once every parameter has been read, `clip`, `total.I` (the sum of these outputs over the
 * profile) and `scale` (ρ). Outputs: `total.I` (this parameter's part of a total), `norm` (Σg², where the gradient is clipped), the
 * `reductions` (without the metric, `dual` is 0, or NaN when the gradient is not finite), `parameter` and `slot.NAME` (the
 * new values), `change.NAME` (⟨m, Δθ⟩ of the `averaging` slots, m being the new value, where the model of the loss is
 * averaged), `update` (Δθ, for frameworks that add it themselves), `initial.NAME` (the initial value of every element of a
 * slot).
 */
export interface StepGraph extends Graph {
  readonly slots: readonly string[]
  /** The shape of each slot, in this graph's terms. */
  readonly slotShapes: Readonly<Record<string, Shape>>
  /** The outputs, and inputs, that are totals. */
  readonly totals: readonly string[]
  /** The streams of normal numbers that it reads. */
  readonly normals: readonly number[]
  readonly reductions: readonly Reduction[]
  /** The slots that average gradients, where the model of the loss is averaged. */
  readonly averaging: readonly string[]
}

/** The output of a step that measures how far a parameter was moved along a slot. */
export function changeOutput(slot: string): string {
  return `change.${slot}`
}

/**
 * A parameter's part of s. For a base that gives no dual it is s = ⟨x̂, d⟩·⟨g, g⟩/⟨x̂, x̂⟩: the base's dual norm of x̂, made
 * homogeneous of degree two in the gradient of this step. For a linear P and x̂ ∥ g it is gᵀPg.
 */
function dualOf(gradient: Expr, { direction, average = gradient, dual }: RecordedUpdate): Expr {
  if (dual) return sum(dual)
  if (average === gradient) return dot(gradient, direction)
  const size = scaledDot(average, average)
  return mul(dot(gradient, gradient), select(greater(size, 0), div(scaledDot(average, direction), size), 0))
}

/** ⟨a, b⟩ with the scalar factors of both moved out, so that ‖x̂‖² shares its sum with others over the same tensor. */
function scaledDot(a: Expr, b: Expr): Expr {
  const split = (x: Expr): readonly [Expr, Expr] =>
    x.op === 'mul' && x.inputs[0]!.shape === 'scalar' ? [x.inputs[0]!, x.inputs[1]!] : [literal(1), x]
  const [[s, x], [t, y]] = [split(a), split(b)]
  return mul(mul(s, t), dot(x, y))
}

/** Records the base's update inside the induced-metric step (arXiv:2509.03594). */
export function recordStep(form: StepForm, record: Recorder): StepGraph {
  const { raw, limited, gradient, parameter, update } = record(form)

  // Δθ = −lr·ρ·P m̂ − lr·wd·θ: the decay is decoupled, on the old θ. Where lr is a mere cap, ρ scales the decay as well.
  const learningRate = input('learningRate', 'scalar')
  const rate = form.metric ? mul(learningRate, input('scale', 'scalar')) : learningRate
  const step = mul(rate, update.direction)
  let next = update.parameter ?? sub(parameter, step)
  let change = update.parameter ? sub(update.parameter, parameter) : neg(step)
  if (form.decays !== 'no') {
    const decayRate = form.decays === 'step' ? rate : learningRate
    const decay = mul(mul(decayRate, input('weightDecay', 'scalar')), parameter)
    next = sub(next, decay)
    change = sub(change, decay)
  }

  const ahead = form.looksAhead ? lookAhead(next, parameter) : undefined
  if (ahead) {
    next = ahead.next
    change = sub(next, parameter)
  }

  // x − x is 0, or NaN when x is not finite.
  const plain = form.metric ? dualOf(gradient, update) : sum(sub(gradient, gradient))
  // Clipping an infinite element would make it finite.
  const dual = limited === raw ? plain : add(plain, sum(sub(raw, raw)))
  const outputs: Record<string, Expr> = { dual: withInnerSums(dual, update), parameter: next }
  if (form.clips) outputs['norm'] = dot(limited, limited)
  const totals = update.totals.map((part, index) => {
    outputs[totalInput(index)] = part
    return totalInput(index)
  })
  const reductions: Reduction[] = ['dual']
  const averaging = form.model && update.average ? averagingSlots(update) : []
  if (form.model && update.average) {
    outputs['averageDotDirection'] = scaledDot(update.average, update.direction)
    reductions.push('averageDotDirection')
    // The change as it is written, including rounding.
    const moved = sub(next, parameter)
    for (const name of averaging) outputs[changeOutput(name)] = dot(update.slots[name]!.next, moved)
  }
  const slots: Record<string, RecordedSlot> = { ...update.slots }
  addKeptSlots(form.base.name, slots, form, { next, slow: ahead?.slow, hasEvaluation: !!update.evaluation })
  Object.assign(outputs, slotOutputs(slots))
  // Without a hash of `update`, which is only another form of the new value.
  const graph = buildGraph(outputs, { update: change })
  const slotShapes = Object.fromEntries(
    Object.entries(slots).map(([name, { next: value }]) => [name, value.shape]),
  )
  const { normals } = update
  return { ...graph, slots: Object.keys(slots), slotShapes, totals, normals, reductions, averaging }
}

/**
 * Records the weights to evaluate with: those that the base gives, or those that are kept beside it. Returns `undefined` where
 * they are the parameter itself.
 */
export function recordEvaluation(form: StepForm, record: Recorder): Graph | undefined {
  const { parameter, update } = record(form)
  const evaluation = keptWeights(form, parameter) ?? update.evaluation
  return evaluation && buildGraph({ evaluation })
}

/** The slots from which the average of gradients is computed. */
function averagingSlots({ average, slots }: RecordedUpdate): string[] {
  const found = new Set<string>()
  const seen = new Set<Expr>()
  const visit = (x: Expr): void => {
    if (seen.has(x)) return
    seen.add(x)
    const name = x.op === 'input' && x.name!.startsWith('slot.') ? x.name!.slice('slot.'.length) : undefined
    if (name !== undefined && !found.has(name)) {
      found.add(name)
      visit(slots[name]!.next)
    }
    x.inputs.forEach(visit)
  }
  visit(average!)
  return [...found].filter((name) => slots[name]!.next.shape !== 'scalar')
}

/**
 * Structural hash of a base: of its slots and its steps. Checkpoints carry it. It is the hash of the graph in its first
 * version, and ignores later additions: other dual norms, layouts of matrices and the options around the base.
 */
export function structuralHashOf(base: Preconditioner, matrix: BaseForm['matrix'], record: Recorder): string {
  const { gradient, parameter, update } = record(plainForm(base, matrix))
  const dual = update.dual ? sum(update.dual) : dot(gradient, update.direction)
  const rate = mul(input('learningRate', 'scalar'), input('scale', 'scalar'))
  const next = update.parameter ?? sub(parameter, mul(rate, update.direction))
  const outputs: Record<string, Expr> = {
    dual: withInnerSums(dual, update),
    parameter: next,
    ...slotOutputs(update.slots),
  }
  for (const [name, { next: value }] of Object.entries(update.shared)) outputs[sharedInput(name)] = value
  update.totals.forEach((part, index) => (outputs[totalInput(index)] = part))
  return buildGraph(outputs).hash
}

function slotOutputs(slots: RecordedUpdate['slots']): Record<string, Expr> {
  const outputs: Record<string, Expr> = {}
  for (const [name, { initial, next }] of Object.entries(slots)) {
    outputs[`slot.${name}`] = next
    outputs[`initial.${name}`] = initial
  }
  return outputs
}

/** The dual norm, made not finite where a value that the base's update reads is not: then the step must not be written. */
function withInnerSums(dual: Expr, update: RecordedUpdate): Expr {
  let result = dual
  for (const inner of sums([update.direction])) result = add(result, sub(inner, inner))
  for (const x of furtherValues(update)) {
    const difference = sub(x, x)
    result = add(result, x.shape === 'scalar' ? difference : sum(difference))
  }
  return result
}

/** The sums inside a base's own update, such as Muon's norm. Where one overflows, the step must not be written. */
function sums(roots: readonly Expr[]): Set<Expr> {
  const found = new Set<Expr>()
  visitOutsideWhen(roots, (x) => {
    if (x.op === 'sum') found.add(x)
  })
  return found
}

const barriers: ReadonlySet<Op> = new Set([
  'rowSums',
  'columnSums',
  'rowMax',
  'columnMax',
  'eigenvalues',
  'eigenvectors',
  'qr',
  'inverseRoot',
  'when',
])

/**
 * The other values that must be finite: those of barriers in the direction, of totals and of shared scalars, and the loss
 * where it is read. A value that a `when` may leave out is looked at behind the `when`.
 */
function furtherValues({ direction, parameter, slots, shared }: RecordedUpdate): Set<Expr> {
  const found = new Set<Expr>()
  visitOutsideWhen([direction], (x) => {
    if (barriers.has(x.op)) found.add(x)
  })
  const nextSlots = Object.values(slots).map(({ next }) => next)
  const nextShared = Object.values(shared).map(({ next }) => next)
  visitOutsideWhen([direction, ...(parameter ? [parameter] : []), ...nextSlots, ...nextShared], (x) => {
    if (x.op === 'input' && (x.name === 'loss' || x.name!.startsWith('total.'))) found.add(x)
  })
  for (const next of nextShared) if (next.op !== 'input') found.add(next)
  return found
}

/** Visits the expressions below some roots once each, but not those below a `when`. */
function visitOutsideWhen(roots: readonly Expr[], call: (x: Expr) => void): void {
  const seen = new Set<Expr>()
  const visit = (x: Expr): void => {
    if (seen.has(x)) return
    seen.add(x)
    call(x)
    if (x.op !== 'when') x.inputs.forEach(visit)
  }
  roots.forEach(visit)
}
