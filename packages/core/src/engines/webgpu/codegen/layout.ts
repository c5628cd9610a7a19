import type { StepPlan } from '../../../step/plan.js'
import { groupsOf, kernelOfSum, type Form } from './form.js'
import { fixedDescriptor, fixedMeta, fixedUnit, fixedWords } from './words.js'

/** The addresses of a plan's words in the state. Lists have an entry per parameter, profile, metric unit or clip unit. */
export interface StateLayout {
  /** Counts of the steps that did not update a parameter, a profile, a unit, and of those whose loss a unit did not average. */
  readonly offsets: number
  readonly profileOffsets: number
  readonly unitOffsets: number
  readonly lossOffsets: number
  /** Results and state of units. */
  readonly units: readonly number[]
  /** Shared scalars and scalar slots: for each, its value and its next one. */
  readonly shared: readonly number[]
  readonly scalars: readonly number[]
  /** The end of what stays from step to step. */
  readonly keptEnd: number
  /** Whether a parameter, a profile, a unit has a gradient in this step: the host writes all at once. */
  readonly flags: number
  readonly profileFlags: number
  readonly unitFlags: number
  /** The rows of early scalars of this step, by parameter. */
  readonly rows: number
  readonly clips: number
  readonly totals: readonly number[]
  /** Each parameter's parts of sums over parameters, in the order of `partNames`. */
  readonly parts: number
  readonly partNames: readonly string[]
  /** Each parameter's words, and the number of them. */
  readonly meta: number
  readonly metaLength: number
  /** The parts of a parameter's sums. */
  readonly sums: readonly (readonly { readonly address: number; readonly count: number }[])[]
  /** What describes clip units and metric units, and the number of words of one of the latter. */
  readonly clipWords: number
  readonly unitWords: number
  readonly unitLength: number
  /** The addresses of lists of parameters, by the text of the list. */
  readonly lists: ReadonlyMap<string, number>
  /** The end of everything but early scalars. */
  readonly end: number
}

/** The lists of parameters that a step sums over. */
function listsOf({ profiles, units, clips }: StepPlan): (readonly number[])[] {
  return [
    ...profiles.map(({ members }) => members),
    ...clips.map(({ members }) => members),
    ...units.flatMap(({ sums, changes }) => [...sums, ...changes].map(({ members }) => members)),
  ]
}

/** Gives the words of a plan's state their addresses. */
export function layOut(plan: StepPlan, forms: readonly Form[], formOf: readonly number[]): StateLayout {
  const { parameters, profiles, units, clips } = plan
  let end: number = fixedWords
  const take = (count: number): number => (end += count) - count
  const slotsOf = (index: number): number => forms[formOf[index]!]!.scalarSlots.length
  const kept = {
    offsets: take(parameters.length),
    profileOffsets: take(profiles.length),
    unitOffsets: take(units.length),
    lossOffsets: take(units.length),
    units: units.map(({ graph }) => take(fixedUnit + 2 * graph.state.length)),
    shared: profiles.map(({ shared }) => take(2 * shared.names.length)),
    scalars: parameters.map((_, index) => take(2 * slotsOf(index))),
  }
  const partNames = ['norm', ...plan.totals, ...plan.reductions, ...plan.changes]
  const metaLength = Math.max(fixedMeta, ...forms.map((form) => form.metaLength))
  const lists = new Map<string, number>()
  const pairs = Math.max(0, ...units.map(({ sums, changes }) => sums.length + changes.length))
  const own = {
    keptEnd: end,
    flags: take(parameters.length),
    profileFlags: take(profiles.length),
    unitFlags: take(units.length),
    rows: take(parameters.length),
    clips: take(clips.length),
    totals: profiles.map(({ totals }) => take(totals.length)),
    parts: take(partNames.length * parameters.length),
    partNames,
    meta: take(metaLength * parameters.length),
    metaLength,
    clipWords: take(3 * clips.length),
    unitWords: take((fixedDescriptor + 2 * pairs) * units.length),
    unitLength: fixedDescriptor + 2 * pairs,
    sums: parameters.map((parameter, index) => {
      const form = forms[formOf[index]!]!
      return form.schedule.sums.map((sum) => {
        const count = groupsOf(kernelOfSum(form, sum), parameter)
        return { address: take(count), count }
      })
    }),
  }
  for (const members of listsOf(plan))
    if (!lists.has(members.join())) lists.set(members.join(), take(members.length))
  return { ...kept, ...own, lists, end }
}
