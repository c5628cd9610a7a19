import { changeOutput } from '../../../step/stepGraph.js'
import { entryText, memberSumText, partsText, takenText, type ScalarPlan } from './partText.js'
import { fixedDescriptor, fixedUnit, metaWords, threads } from './words.js'

/** Whether a plan keeps scalars that are known only after its parameters have been written. */
export function keepsScalars({ plan, forms }: Pick<ScalarPlan, 'plan' | 'forms'>): boolean {
  return (
    plan.changes.length > 0 ||
    plan.profiles.some(({ shared }) => shared.names.length > 0) ||
    forms.some(({ scalarSlots }) => scalarSlots.length > 0)
  )
}

/**
 * The kernel that keeps scalar slots, shared scalars and changes, if the step was taken: all kernels before it still read the
 * old ones.
 */
export function keepText(given: ScalarPlan): string {
  const slotOutput = (slot: string): string => `slot.${slot}`
  const parts = partsText(given, {
    outputsOf: ({ graph, scalarSlots }) => [
      ...graph.averaging.map(changeOutput),
      ...scalarSlots.map(slotOutput),
    ],
    time: 'after',
    destination({ scalarSlots }, output) {
      const slot = scalarSlots.map(slotOutput).indexOf(output)
      return slot === -1 ? undefined : `word(k, ${metaWords.scalars}u) + ${2 * slot}u`
    },
  })
  return `${memberSumText(given)}
${parts.functions}
${entryText([parts.loop, ...sharedText(given), ...changesText(given)])}`
}

/** The statements that keep the shared scalars of profiles. */
function sharedText({ plan, layout }: ScalarPlan): string[] {
  return plan.profiles.flatMap(({ shared: { names } }, profile) => {
    const kept = names.map((_, index) => {
      const address = layout.shared[profile]! + 2 * index
      return `state[${address}u] = state[${address + 1}u];`
    })
    const active = `state[${layout.profileFlags + profile}u] != 0u`
    return kept.length === 0
      ? []
      : [`if (lane == ${profile % threads}u && ${active} && ${takenText}) { ${kept.join(' ')} }`]
  })
}

/** The statements that add what parameters have moved to the state of units. A sum that overflowed is left out. */
function changesText({ plan, layout }: ScalarPlan): string[] {
  return plan.units.flatMap(({ changes, sums }, unit) => {
    const added = changes.map(({ state, output }, index) => {
      const list = fixedDescriptor + 2 * (sums.length + index)
      const place = fixedUnit + 2 * state
      return `{
        let moved = memberSum(state[described + ${list}u], state[described + ${list + 1}u], ${layout.partNames.indexOf(output)}u);
        if (isFinite(moved)) { state[results + ${place}u] = bitcast<u32>(f32At(results + ${place}u) + moved); }
      }`
    })
    const active = `state[${layout.unitFlags + unit}u] != 0u`
    return added.length === 0
      ? []
      : [
          `if (lane == ${unit % threads}u && ${active} && ${takenText}) {
      let described = ${layout.unitWords + unit * layout.unitLength}u;
      let results = state[described];
      ${added.join('\n      ')}
    }`,
        ]
  })
}
