import type { StepPlan } from '../../step/plan.js'
import type { Offsets, Window } from './earlyTable.js'

/** The parameters, profiles and units that have a gradient in a call. Calls of one pattern share the object. */
export interface Pattern {
  readonly parameters: readonly boolean[]
  readonly profiles: readonly boolean[]
  readonly units: readonly boolean[]
}

/** The pattern of a call. */
export function patternOf(plan: StepPlan, parameters: readonly boolean[]): Pattern {
  const has = (members: readonly number[]): boolean => members.some((index) => parameters[index])
  return {
    parameters,
    profiles: plan.profiles.map(({ members }) => has(members)),
    units: plan.units.map(({ contributors }) => has(contributors)),
  }
}

/** The counts of a device: of its steps, and of those that left each parameter, profile and unit alone. */
export interface DeviceCounts {
  readonly step: number
  readonly parameters: readonly number[]
  readonly profiles: readonly number[]
  readonly units: readonly number[]
  /** Of units: the steps whose losses they did not average. */
  readonly losses: readonly number[]
}

/** The counts that the host knows, and the calls since then, each of which the device may have refused. */
export class KnownCounts {
  #known: DeviceCounts
  #calls: Pattern[] = []
  /** The number of all calls. */
  #total = 0
  #cached: { readonly pattern: Pattern; readonly offsets: readonly (readonly Offsets[])[] } | undefined

  constructor(known: DeviceCounts) {
    this.#known = known
  }

  /** The number of calls so far: what a later report settles. */
  get total(): number {
    return this.#total
  }

  get unsettled(): number {
    return this.#calls.length
  }

  /** The steps that the next call may be. */
  get window(): Window {
    const { step } = this.#known
    return { first: step + 1, last: step + this.#calls.length + 1 }
  }

  /** Notes a call. */
  add(pattern: Pattern): void {
    this.#total++
    this.#calls.push(pattern)
    if (isPartial(pattern)) this.#cached = undefined
  }

  /**
   * Takes over what a device has counted.
   *
   * @param total the number of calls then
   */
  settle(known: DeviceCounts, total: number): void {
    const left = this.#total - total
    // A report that was asked for earlier may come later.
    if (left > this.#calls.length) return
    this.#known = known
    this.#calls = left === 0 ? [] : this.#calls.slice(-left)
    this.#cached = undefined
  }

  /** The counts, if the device has taken all calls. */
  get assumed(): DeviceCounts {
    const { step, parameters, profiles, units, losses } = this.#known
    const partial = this.#calls.filter(isPartial)
    const later = (kind: keyof Pattern, counts: readonly number[]): number[] =>
      counts.map((count, index) => count + partial.filter((call) => !call[kind][index]).length)
    return {
      step: step + this.#calls.length,
      parameters: later('parameters', parameters),
      profiles: later('profiles', profiles),
      units: later('units', units),
      losses: later('units', losses),
    }
  }

  /** Continues from the counts of a plan whose parameters, profiles and units are the first ones of this plan. */
  continue(before: KnownCounts, plan: StepPlan): void {
    const { step, ...known } = before.#known
    // What is new was left alone by all steps so far.
    const extended = (counts: readonly number[], length: number): number[] =>
      Array.from({ length }, (_, index) => counts[index] ?? step)
    this.#known = {
      step,
      parameters: extended(known.parameters, plan.parameters.length),
      profiles: extended(known.profiles, plan.profiles.length),
      units: extended(known.units, plan.units.length),
      losses: extended(known.losses, plan.units.length),
    }
    const none = plan.parameters.map(() => false)
    this.#calls = before.#calls.map(({ parameters }) =>
      patternOf(plan, [...parameters, ...none.slice(parameters.length)]),
    )
    this.#total++
    this.#cached = undefined
  }

  /** Starts from other counts. */
  replace(known: DeviceCounts): void {
    this.#known = known
    this.#calls = []
    // A report that was asked for before does not count any more.
    this.#total++
    this.#cached = undefined
  }

  /**
   * The offsets that a call of this pattern may meet, by class.
   *
   * @param classOf by parameter
   */
  offsets(plan: StepPlan, pattern: Pattern, classOf: readonly number[]): readonly (readonly Offsets[])[] {
    if (this.#cached?.pattern === pattern) return this.#cached.offsets
    const { parameters, profiles, units, losses } = this.#known
    const partial = this.#calls.filter(isPartial)
    const idle = (kind: keyof Pattern, index: number): number =>
      partial.reduce((count, call) => count + (call[kind][index] ? 0 : 1), 0)
    const byClass: Map<string, Offsets>[] = []
    const note = (
      index: number,
      [first, firstMost]: readonly [number, number],
      [second, secondMost]: Offsets,
    ) => {
      const found = (byClass[index] ??= new Map<string, Offsets>())
      for (let a = first; a <= first + firstMost; a++)
        for (let b = second; b <= second + secondMost; b++) found.set(`${a},${b}`, [a, b])
    }
    const ofProfiles = profiles.map((known, profile): Offsets => [known, idle('profiles', profile)])
    plan.parameters.forEach(({ profile }, index) => {
      const place = classOf[index]!
      if (pattern.parameters[index])
        note(place, [parameters[index]!, idle('parameters', index)], ofProfiles[profile]!)
      byClass[place] ??= new Map()
    })
    const firstUnit = byClass.length
    units.forEach((known, unit) => {
      const most = idle('units', unit)
      // Both counts of a unit grow by the same steps.
      const found = (byClass[firstUnit + unit] = new Map<string, Offsets>())
      if (pattern.units[unit])
        for (let i = 0; i <= most; i++) found.set(String(i), [known + i, losses[unit]! + i])
    })
    ofProfiles.forEach(([known, most], profile) => {
      note(firstUnit + units.length + profile, [known, most], [0, 0])
    })
    const offsets = byClass.map((found) => [...found.values()])
    this.#cached = { pattern, offsets }
    return offsets
  }
}

function isPartial({ parameters, units, profiles }: Pattern): boolean {
  return [parameters, units, profiles].some((list) => list.includes(false))
}
