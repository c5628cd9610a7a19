import * as core from '@induced-metric/core'
import { planStep } from '@induced-metric/core/adapter'
import type {
  Capability,
  ConformanceTarget,
  CoreTransformation,
  Session,
  SessionReport,
  TargetParameter,
  TypedArray,
} from '../../src/index.js'

/** The possible defects of the optimiser below. */
export const defects = [
  'decay scaled by ρ',
  'decay on the new θ',
  'decay mask ignored',
  'no bias correction of m',
  'no bias correction of r',
  'no bias correction of the average',
  'the norm in place of its square',
  'a sum per tensor',
  's of adam with r̂ in place of its root',
  's of adam without preconditioner',
  's from the momentum',
  'epsilon inside the root',
  'nesterov ignored',
  'log as 1/(L² + v̂)',
  'floor ignored',
  'average of ξs',
  'average restarts every step',
  'ξ = 1 where it is auto',
  'state written on a skipped step',
  'parameters written on a skipped step',
  'a skipped step counts',
  'skipped steps are not counted',
  'sessions share their slots',
  'NaN poisons the average',
  'onNonFinite: throw ignored',
  'loss rounded to float32',
  'identity reads the loss',
  'log ascends at L < 0',
  'log takes a step without a loss',
  'missing gradient enters s',
  'missing gradient still decays',
  'missing gradient advances the step',
  'bias correction by the optimiser’s step',
  'group options ignored',
  'clip by value',
  'clip each tensor',
  'gradient written',
  'gradient kept by reference',
  'learning rate counted from 0',
  'dampening at the first step',
  'shape checked while writing',
  'shape error without the name',
  'errors of another class',
  'disposal ignored',
  'checkpoint without the step count',
  'checkpoint without the average',
  'checkpoint of any shape accepted',
  'a bad checkpoint half loaded',
  'saving rounds the slots',
  'undeclared capability ignored',
  'undeclared base taken for sgd',
  'last bits differ from run to run',
  'ρ from the metric before this step',
] as const

/** A defect. */
export type Defect = (typeof defects)[number]

const declared: readonly Capability[] = [
  'base/sgd',
  'base/heavyBall',
  'base/adam',
  'embedding/identity',
  'embedding/log',
  'embedding/logDamped',
  'schedules',
  'weightDecay',
  'decayMask',
  'groups',
  'clipNorm',
  'missingGradients',
  'throwOnNonFinite',
  'badLossPolicies',
  'checkpoint',
  'bitwise',
  'byName',
]

type Settings = CoreTransformation['settings']
type Scheduled = number | ((step: number) => number)

interface Held {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: TypedArray
  readonly settings: Settings
  readonly unit: string
  slots: Record<string, TypedArray>
  steps: number
}

interface Moved {
  readonly direction: Float64Array
  readonly dual: number
  readonly slots: Record<string, TypedArray>
}

/**
 * An optimiser written by hand for these tests, in float64 throughout: three bases, three embeddings, groups, clipping
 * and checkpoints. It computes nothing with the core. A defect makes it wrong in one way.
 */
export function sloppyTarget(defect?: Defect): ConformanceTarget {
  const has = (one: Defect): boolean => one === defect
  return {
    manifest: {
      name: defect === undefined ? 'sloppy' : `sloppy: ${defect}`,
      version: '0.0.0',
      dtypes: ['float32', 'float64'],
      arithmetic: {
        float32: { elementwise: 'float32', sums: 'float64' },
        float64: { elementwise: 'float64', sums: 'float64' },
      },
      capabilities: declared,
    },
    core,
    create: (transformation, parameters) => createSession(transformation, parameters, has),
  }
}

/** State of a session that one of the defects shares between sessions. */
const shared = new Map<string, Record<string, TypedArray>>()

function createSession(
  transformation: CoreTransformation,
  parameters: readonly TargetParameter[],
  has: (one: Defect) => boolean,
): Session {
  const raise = (code: core.ErrorCode, message: string): never => {
    if (has('errors of another class')) throw Object.assign(new Error(message), { code })
    throw new core.InducedMetricError(code, message)
  }
  const refuse = (what: string): void => {
    if (!has('undeclared capability ignored')) raise('ERR_NOT_SUPPORTED', `${what} is not supported here`)
  }
  if (transformation.metricScope !== 'global') refuse('metricScope')
  if (transformation.accumulate > 1) refuse('accumulate')
  for (const settings of [transformation.settings, ...Object.values(transformation.groups)]) {
    if (!['sgd', 'heavyBall', 'adam'].includes(settings.base.name) && !has('undeclared base taken for sgd')) {
      raise('ERR_NOT_SUPPORTED', `base ${settings.base.name} is not supported here`)
    }
    if (!['identity', 'log', 'logDamped'].includes(settings.embedding.name)) refuse('another embedding')
    const { xi, embedding, decayScaling, averagedModel, startAxis, growthRate, risingCap, averageWeights } =
      settings
    const { floor } = embedding.hyperparameters
    if (xi === 'rate' || typeof xi === 'object') refuse('a ξ that is tied')
    if (floor !== undefined && !['number', 'function'].includes(typeof floor)) refuse('a floor that follows')
    if (decayScaling !== 'rate') refuse('decayScaling')
    if (averagedModel || startAxis !== undefined) refuse('a model or an axis beside the loss')
    if (growthRate !== undefined) refuse('growthRate')
    if (risingCap !== undefined) refuse('risingCap')
    if (averageWeights !== undefined) refuse('averageWeights')
    if (settings.lookahead !== undefined) refuse('lookahead')
    if (typeof settings.clipNorm === 'object') refuse('a norm per parameter')
    if (settings.clipValue !== undefined || settings.adaptiveClip !== undefined)
      refuse('other limits of gradients')
  }
  for (const label of Object.keys(transformation.groups))
    if (!parameters.some(({ group }) => group === label))
      raise('ERR_OPTION', `no parameter is in group ${label}`)
  const masks = Object.entries({ '': transformation.settings, ...transformation.groups })
  for (const [label, { decayMask }] of masks) {
    const listed = typeof decayMask === 'string' || typeof decayMask === 'function' ? [] : decayMask
    for (const name of listed)
      if (!parameters.some((p) => p.name === name))
        raise('ERR_OPTION', `decayMask ${label}: no parameter is named ${name}`)
  }

  const held = parameters.map((p): Held => {
    const size = p.shape.reduce((a, b) => a * b, 1)
    if (size !== p.data.length)
      raise('ERR_SHAPE', `${p.name} has ${p.data.length} elements for shape [${p.shape.join()}]`)
    const group = p.group !== undefined && Object.hasOwn(transformation.groups, p.group) ? p.group : ''
    const own =
      group === '' || has('group options ignored') ? transformation.settings : transformation.groups[group]!
    return {
      name: p.name,
      shape: p.shape,
      data: p.data,
      settings: own,
      unit: group,
      slots: emptySlots(own, p.data),
      steps: 0,
    }
  })
  const scalars = held.reduce((n, p) => n + p.data.length, 0)
  const units = new Map(held.map((p) => [p.unit, { settings: p.settings, average: 0, steps: 0 }]))
  let step = 0
  let skippedSteps = 0
  let disposed = false
  /** The learning rate of a loaded state. */
  let fixedRate: number | undefined
  let report: SessionReport

  const alive = (): void => {
    if (disposed && !has('disposal ignored')) raise('ERR_DISPOSED', 'disposed of')
  }
  const at = (value: Scheduled, from = 0, below = Infinity): number => {
    const now =
      typeof value === 'function' ? value(has('learning rate counted from 0') ? step : step + 1) : value
    return now >= from && now < below ? now : raise('ERR_OPTION', `${now} at step ${step + 1}`)
  }
  const floorOf = ({ embedding }: Settings): number =>
    has('floor ignored') ? 0 : at((embedding.hyperparameters['floor'] ?? 0) as Scheduled, -Infinity)
  /** A set learning rate is that of all groups that have the rate of the whole. */
  const rateOf = ({ learningRate }: Settings): number => {
    const text = (value: Scheduled): string => JSON.stringify(value)
    const isWhole = text(learningRate) === text(transformation.settings.learningRate)
    return fixedRate !== undefined && isWhole ? fixedRate : at(learningRate)
  }

  const checkShapes = (gradients: readonly (TypedArray | null)[]): void => {
    if (gradients.length !== held.length) raise('ERR_SHAPE', `expected ${held.length} gradients`)
    for (const [i, p] of held.entries()) checkShape(p, gradients[i]!)
  }
  const checkShape = (p: Held, g: TypedArray | null): void => {
    if (g === null || g.length === p.data.length) return
    raise(
      'ERR_SHAPE',
      `the gradient of ${has('shape error without the name') ? 'a parameter' : p.name} has length ${g.length}`,
    )
  }

  const skip = (): SessionReport => {
    if (!has('skipped steps are not counted')) skippedSteps++
    if (has('a skipped step counts')) step++
    if (has('NaN poisons the average')) for (const unit of units.values()) unit.average = NaN
    if (has('state written on a skipped step'))
      for (const p of held) for (const slot of Object.values(p.slots)) slot.fill(0)
    if (has('parameters written on a skipped step'))
      for (const p of held) p.data.forEach((x, i) => (p.data[i] = x * 0.99))
    const still = report.units?.map((unit) => ({ ...unit, scale: 0 }))
    return (report = {
      ...report,
      ...(still && { units: still }),
      scale: 0,
      step,
      skipped: true,
      skippedSteps,
    })
  }
  report = {
    step: 0,
    scale: 1,
    dualNorm: NaN,
    metric: 0,
    skipped: false,
    skippedSteps: 0,
    learningRate: 0,
    xi: 0,
  }

  const move = (p: Held, g: TypedArray): Moved => {
    if (has('sessions share their slots') && p.steps > 0) p.slots = shared.get(p.name)!
    const { base } = p.settings
    const h = (name: string): number => {
      const below = name === 'momentum' || name.startsWith('beta') ? 1 : Infinity
      return at((base.hyperparameters[name] ?? 0) as Scheduled, 0, below)
    }
    const t = (has('bias correction by the optimiser’s step') ? step : p.steps) + 1
    const direction = new Float64Array(g.length)
    const square = (x: number): number => (p.data instanceof Float32Array ? Math.fround(x * x) : x * x)
    let dual = 0
    if (base.name === 'adam') {
      const [beta1, beta2, epsilon] = [h('beta1'), h('beta2'), h('epsilon')]
      const m = p.slots['m']!.slice()
      const v = p.slots['v']!.slice()
      const largest = p.slots['largest']?.slice()
      const parts = new Float64Array(g.length)
      for (let i = 0; i < g.length; i++) {
        const x = g[i]!
        m[i] = beta1 * p.slots['m']![i]! + (1 - beta1) * x
        v[i] = beta2 * p.slots['v']![i]! + (1 - beta2) * square(x)
        if (largest !== undefined) largest[i] = Math.max(largest[i]!, v[i]!)
        const second = largest?.[i] ?? v[i]!
        const r = has('no bias correction of r') ? second : second / (1 - beta2 ** t)
        const denominator = has('epsilon inside the root') ? Math.sqrt(r + epsilon) : Math.sqrt(r) + epsilon
        const unbias = has('no bias correction of m') ? 1 : 1 - beta1 ** t
        const mean =
          base.hyperparameters['nesterov'] === true && !has('nesterov ignored')
            ? (beta1 * m[i]!) / (1 - beta1 ** (t + 1)) + ((1 - beta1) * x) / unbias
            : m[i]! / unbias
        direction[i] = mean / denominator
        if (has('s of adam with r̂ in place of its root')) parts[i] = (x * x) / (r + epsilon)
        else if (has('s of adam without preconditioner')) parts[i] = x * x
        else if (has('s from the momentum')) parts[i] = (mean * mean) / denominator
        else parts[i] = square(x) / denominator
      }
      if (base.hyperparameters['cautious'] === true) {
        const mask = direction.map((d, i) => (d * g[i]! > 0 ? 1 : 0))
        const share = Math.max(mask.reduce((sum, one) => sum + one, 0) / mask.length, 1e-3)
        mask.forEach((one, i) => {
          direction[i] = (direction[i]! * one) / share
          parts[i] = (parts[i]! * one) / share
        })
      }
      dual = parts.reduce((sum, part) => sum + part, 0)
      return { direction, dual, slots: { m, v, ...(largest && { largest }) } }
    }
    const mu = h('momentum')
    if (base.name === 'heavyBall') {
      const nesterov = base.hyperparameters['nesterov'] === true && !has('nesterov ignored')
      const first = p.steps === 0 && !has('dampening at the first step')
      const buffer = mu === 0 ? undefined : p.slots['momentum']!.slice()
      for (let i = 0; i < g.length; i++) {
        const x = g[i]!
        const b = buffer === undefined ? x : mu * buffer[i]! + (first ? 1 : 1 - h('dampening')) * x
        if (buffer !== undefined) buffer[i] = b
        direction[i] = nesterov ? x + mu * b : b
        dual += square(x)
      }
      const kept = has('gradient kept by reference') && p.steps === 0 ? g : buffer
      return { direction, dual, slots: buffer === undefined ? {} : { momentum: kept! } }
    }
    const m = p.slots['momentum']?.slice()
    for (let i = 0; i < g.length; i++) {
      const x = g[i]!
      const average = m === undefined ? x : mu * m[i]! + (1 - mu) * x
      if (m !== undefined) m[i] = average
      direction[i] = m === undefined || has('no bias correction of m') ? average : average / (1 - mu ** t)
      dual += has('s from the momentum') ? direction[i]! ** 2 : square(x)
    }
    return { direction, dual, slots: m === undefined ? {} : { momentum: m } }
  }

  const fitting = (p: Held, g: TypedArray | null | undefined): TypedArray =>
    g?.length === p.data.length ? g : p.data.slice().fill(1)

  const clip = (gradients: readonly (TypedArray | null)[]): (TypedArray | null)[] => {
    /** All that inherits the norm of the whole is clipped together, and each group with a norm of its own by itself. */
    const ownerOf = ({ settings, unit }: Held): string | undefined =>
      settings.clipNorm === transformation.settings.clipNorm ? undefined : unit
    const norm = (list: readonly (TypedArray | null)[]): number => {
      let sum = 0
      for (const g of list) if (g !== null) for (const x of g) sum += x * x
      return Math.sqrt(sum)
    }
    return gradients.map((g, p) => {
      const { clipNorm } = held[p]!.settings
      if (g === null || typeof clipNorm !== 'number') return g
      const owner = ownerOf(held[p]!)
      const all = norm(gradients.filter((_, i) => ownerOf(held[i]!) === owner))
      const by = Math.min(1, clipNorm / (has('clip each tensor') ? norm([g]) : all))
      const out = has('gradient written') ? g : Float64Array.from(g)
      for (let i = 0; i < g.length; i++) {
        out[i] = has('clip by value')
          ? Math.max(-clipNorm, Math.min(clipNorm, g[i]!))
          : all === 0
            ? g[i]!
            : by * g[i]!
      }
      return out
    })
  }

  return {
    step(gradients, { loss: given } = {}) {
      alive()
      if (!has('shape checked while writing')) checkShapes(gradients)
      if (gradients.includes(null)) {
        for (const [i, g] of gradients.entries()) {
          const p = held[i]!
          if (g !== null) continue
          const wd = at(p.settings.weightDecay) * rateOf(p.settings)
          if (has('missing gradient still decays')) p.data.forEach((x, j) => (p.data[j] = x - wd * x))
          if (has('missing gradient advances the step')) p.steps++
        }
      }
      const active = held.filter((_, i) => gradients[i] !== null)
      if (active.length === 0) return skip()
      const used = [...units].filter(
        ([key]) => transformation.metricScope === 'global' || active.some((p) => p.unit === key),
      )
      const loss =
        given === undefined ? undefined : has('loss rounded to float32') ? Math.fround(given) : given
      const nonFinite = (what: 'loss' | 'gradient'): SessionReport =>
        transformation.onNonFinite === 'throw' && !has('onNonFinite: throw ignored')
          ? raise('ERR_NON_FINITE', `the ${what} is not finite`)
          : skip()

      for (const [, { settings }] of used) {
        const reads = settings.embedding.name !== 'identity'
        if (!reads && !(has('identity reads the loss') && loss !== undefined)) continue
        if (loss === undefined) {
          if (has('log takes a step without a loss')) continue
          return raise('ERR_LOSS_REQUIRED', 'a loss is required')
        }
        if (!Number.isFinite(loss)) return nonFinite('loss')
        if (!reads) continue
        const bad = loss <= floorOf(settings)
        if (bad && settings.onBadLoss === 'throw' && !has('log ascends at L < 0'))
          return raise('ERR_BAD_LOSS', `loss ${loss}`)
        if (bad && settings.onBadLoss === 'skip') return skip()
      }

      const clipped = clip(gradients)
      const moves = new Map(active.map((p) => [p, move(p, fitting(p, clipped[held.indexOf(p)]))]))
      let total = 0
      for (const { dual } of moves.values()) total += dual
      // Without the metric s is not used, and only the gradient counts.
      const isPlain = used.every(
        ([, { settings }]) => settings.xi === 0 && settings.embedding.name === 'identity',
      )
      const measured = held[0]!.data instanceof Float32Array ? Math.fround(total) : total
      const isFinite = isPlain
        ? gradients.every((g) => g?.every(Number.isFinite) ?? true)
        : Number.isFinite(measured)
      if (!isFinite) return nonFinite('gradient')
      if (has('missing gradient enters s') && active.length < held.length)
        total *= held.length / active.length

      const factors = new Map<string, number>()
      const reports: NonNullable<SessionReport['units']>[number][] = []
      const scaleOf = (settings: Settings, metric: number): number => {
        const height = (loss ?? 1) - floorOf(settings)
        if (settings.embedding.name === 'identity') return 1 / (1 + metric)
        if (height <= 0 && !has('log ascends at L < 0')) return settings.onBadLoss === 'base' ? 1 : 0
        const numerator =
          settings.embedding.name === 'logDamped' ? height * height : has('log as 1/(L² + v̂)') ? 1 : height
        return numerator / (height * height + metric)
      }
      const next = used.map(([key, unit]) => {
        const { settings } = unit
        const s = isPlain ? 0 : has('the norm in place of its square') ? Math.sqrt(total) : total
        const xi =
          settings.xi === 'auto'
            ? has('ξ = 1 where it is auto')
              ? 1
              : 1 / scalars
            : at(settings.xi as Scheduled)
        const beta = settings.beta
        const before = has('average restarts every step') ? 0 : unit.average
        const average = beta * before + (1 - beta) * (has('average of ξs') ? xi * s : s)
        const correction = has('no bias correction of the average') ? 1 : 1 - beta ** (unit.steps + 1)
        // Every number of the step is read before anything is written.
        void [rateOf(settings), at(settings.weightDecay)]
        const late = has('ρ from the metric before this step') ? unit.average : average
        const metric = ((has('average of ξs') ? 1 : xi) * late) / correction
        const scale = scaleOf(settings, metric)
        factors.set(key, scale)
        const plain = settings.xi === 0 && settings.embedding.name === 'identity'
        reports.push({ key, scale, metric, xi, dualNorm: plain ? NaN : total })
        return { unit, average, xi, correction }
      })
      const [first] = reports
      const learningRate = rateOf(used[0]![1].settings)

      for (const [i, p] of held.entries()) {
        const g = gradients[i]
        if (g === null || g === undefined) {
          if (g === undefined) raise('ERR_SHAPE', 'a gradient too few')
          continue
        }
        checkShape(p, g)
        const { direction, dual, slots } = moves.get(p)!
        const learningRate = rateOf(p.settings)
        let scale = factors.get(p.unit)!
        if (has('a sum per tensor')) {
          const { xi, correction } = next[0]!
          scale = scaleOf(p.settings, (xi * (1 - p.settings.beta) * dual) / correction)
        }
        const mask = p.settings.decayMask
        const masked = !(
          mask === 'all' ||
          (mask === 'matrices'
            ? p.shape.length >= 2
            : typeof mask === 'function'
              ? mask(p)
              : mask.includes(p.name))
        )
        const decay = masked && !has('decay mask ignored') ? 0 : learningRate * at(p.settings.weightDecay)
        const noise = has('last bits differ from run to run') ? 1 + (Math.random() - 0.5) * 1e-14 : 1
        for (let j = 0; j < p.data.length; j++) {
          const theta = p.data[j]!
          const moved = theta - learningRate * scale * noise * direction[j]!
          const decayed = has('decay on the new θ') ? moved : theta
          p.data[j] = moved - (has('decay scaled by ρ') ? scale : 1) * decay * decayed
        }
        p.slots = slots
        if (has('sessions share their slots')) shared.set(p.name, slots)
        p.steps++
      }
      for (const { unit, average } of next) Object.assign(unit, { average, steps: unit.steps + 1 })
      step++
      const several = reports.length > 1 ? { units: reports } : {}
      return (report = { ...first!, ...several, learningRate, step, skipped: false, skippedSteps })
    },

    read: () => held.map(({ data }) => data),
    slots: () => Object.fromEntries(held.map(({ name, slots }) => [name, slots])),

    save() {
      alive()
      const plan = planStep(transformation, parameters)
      return core.encodeCheckpoint({
        format: 'induced-metric-checkpoint',
        version: 1,
        hash: plan.hash,
        step: has('checkpoint without the step count') ? 0 : step,
        skippedSteps,
        ...(fixedRate !== undefined && { learningRate: fixedRate }),
        units: [...units].map(([key, { average, steps }]) => ({
          key,
          average: has('checkpoint without the average') ? 0 : average,
          steps,
        })),
        parameters: held.map(({ name, shape, data, steps, slots }) => ({
          name,
          shape,
          dtype: data instanceof Float32Array ? 'float32' : 'float64',
          steps: has('checkpoint without the step count') ? 0 : steps,
          slots: Object.fromEntries(
            Object.entries(slots).map(([slot, values]) => [
              slot,
              has('saving rounds the slots') ? values.map((x) => Math.round(x * 1e6) / 1e6) : values,
            ]),
          ),
        })),
      })
    },

    load(bytes) {
      alive()
      if (has('a bad checkpoint half loaded')) step = 0
      const saved = core.decodeCheckpoint(bytes)
      const plan = planStep(transformation, parameters)
      const fits =
        saved.hash === plan.hash &&
        saved.parameters.length === held.length &&
        saved.units.length === units.size &&
        saved.units.every(({ key }) => units.has(key)) &&
        held.every(({ name, shape, data, slots }) => {
          const state = saved.parameters.find((p) => p.name === name)
          const dtype = data instanceof Float32Array ? 'float32' : 'float64'
          const names = (of: object): string => Object.keys(of).sort().join()
          return (
            state !== undefined &&
            state.shape.join() === shape.join() &&
            state.dtype === dtype &&
            names(state.slots) === names(slots)
          )
        })
      if (!fits && !has('checkpoint of any shape accepted'))
        raise(
          'ERR_CHECKPOINT',
          `this checkpoint belongs to another optimiser, of ${saved.parameters.map(({ name }) => name).join(', ')}`,
        )
      for (const p of held) {
        const state = saved.parameters.find(({ name }) => name === p.name)
        if (state === undefined) continue
        p.slots = Object.fromEntries(
          Object.entries(state.slots).map(([slot, values]) => [slot, values.slice()]),
        )
        p.steps = state.steps
      }
      for (const { key, average, steps } of saved.units)
        Object.assign(units.get(key) ?? {}, { average, steps })
      step = saved.step
      skippedSteps = saved.skippedSteps
      fixedRate = saved.learningRate
    },

    dispose() {
      disposed = true
    },
  }
}

function emptySlots({ base }: Settings, data: TypedArray): Record<string, TypedArray> {
  const empty = (): TypedArray => data.slice().fill(0)
  if (base.name === 'adam') {
    return { m: empty(), v: empty(), ...(base.hyperparameters['amsgrad'] === true && { largest: empty() }) }
  }
  return base.hyperparameters['momentum'] === 0 || base.hyperparameters['momentum'] === undefined
    ? {}
    : { momentum: empty() }
}
