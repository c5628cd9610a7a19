import type { StepPlan } from '../../step/plan.js'
import { stepStatus } from '../../step/metricGraph.js'
import type { Batch } from './batches.js'
import type { Form } from './codegen/form.js'
import type { StateLayout } from './codegen/layout.js'
import { descriptorWords, fixedDescriptor, fixedMeta, metaWords } from './codegen/words.js'
import type { EarlyClasses } from './earlyClasses.js'

/** What the words of a plan follow from. */
interface Described {
  readonly plan: StepPlan
  readonly layout: StateLayout
  readonly forms: readonly Form[]
  readonly formOf: readonly number[]
  readonly classes: EarlyClasses
  readonly batches: readonly Batch[]
  /** By metric unit, the index of its graph among those that have a function. */
  readonly unitFormOf: readonly number[]
}

/** The words between what is kept and the early scalars: what describes parameters and units, and lists. The rest is 0. */
export function stateConstants(given: Described): Uint32Array<ArrayBuffer> {
  const { plan, layout } = given
  const words = new Uint32Array(layout.end)
  plan.parameters.forEach((_, index) =>
    words.set(metaOf(given, index), layout.meta + index * layout.metaLength),
  )
  const numbers = new Float32Array(words.buffer)
  const listOf = (members: readonly number[]): [number, number] => [
    layout.lists.get(members.join())!,
    members.length,
  ]
  plan.clips.forEach(({ clipNorm, members }, index) => {
    const at = layout.clipWords + 3 * index
    numbers[at] = clipNorm
    words.set(listOf(members), at + 1)
  })
  plan.units.forEach(({ settings, sums, changes }, index) => {
    const at = layout.unitWords + index * layout.unitLength
    words[at + descriptorWords.results] = layout.units[index]!
    words[at + descriptorWords.class] = given.classes.firstUnit + index
    words[at + descriptorWords.form] = given.unitFormOf[index]!
    words[at + descriptorWords.throws] =
      (plan.transformation.onNonFinite === 'skip' ? 0 : stepStatus.nonFinite) |
      (settings.onBadLoss === 'skip' ? 0 : stepStatus.badLoss)
    words.set(
      [...sums, ...changes].flatMap(({ members }) => listOf(members)),
      at + fixedDescriptor,
    )
  })
  for (const [text, address] of layout.lists)
    words.set(text === '' ? [] : text.split(',').map(Number), address)
  return words.slice(layout.keptEnd)
}

/** The words that describe a parameter. */
export function metaOf({ plan, layout, formOf, classes, batches }: Described, index: number): Uint32Array {
  const { size, rows, columns, profile, unit, clip } = plan.parameters[index]!
  const words = new Uint32Array(layout.metaLength)
  const described: Record<keyof typeof metaWords, number> = {
    size,
    rows,
    columns,
    active: layout.flags + index,
    offset: layout.offsets + index,
    row: layout.rows + index,
    profileOffset: layout.profileOffsets + profile,
    class: classes.ofParameters[index]!,
    scale: layout.units[unit]! + 2,
    clip: layout.clips + Math.max(clip, 0),
    totals: layout.totals[profile]!,
    shared: layout.shared[profile]!,
    scalars: layout.scalars[index]!,
    parts: layout.parts + index * layout.partNames.length,
    form: formOf[index]!,
  }
  for (const [name, value] of Object.entries(described))
    words[metaWords[name as keyof typeof described]] = value
  const sums = layout.sums[index]!
  sums.forEach(({ address, count }, place) => words.set([address, count], fixedMeta + 2 * place))
  const batch = batches.find(({ members }) => members.includes(index))!
  const offsets = batch.places[batch.members.indexOf(index)]!.map(({ offset }) => offset)
  words.set(offsets, fixedMeta + 2 * sums.length)
  return words
}
