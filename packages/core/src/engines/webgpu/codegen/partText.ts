import type { MetricUnit, StepPlan } from '../../../step/plan.js'
import type { EarlyScalars } from './earlyScalars.js'
import type { Form } from './form.js'
import type { StateLayout } from './layout.js'
import { parameterReads, ScalarCode } from './scalarCode.js'
import { metaWords, stateWords, threads } from './words.js'

/** What the kernels of scalars are made of. They have one workgroup, whose threads share parameters, units and profiles. */
export interface ScalarPlan {
  readonly plan: StepPlan
  readonly forms: readonly Form[]
  readonly layout: StateLayout
  /** The distinct graphs of metric units, each by the first unit that has it. */
  readonly unitForms: readonly { readonly unit: MetricUnit; readonly early: EarlyScalars }[]
  readonly sharedEarly: readonly EarlyScalars[]
  /** The classes of early scalars of profiles. */
  readonly profileClass: (profile: number) => number
}

/** The row of early scalars of a parameter `k` before the counts of this step have changed. */
export const rowText = `rowOf(word(k, ${metaWords.class}u), state[word(k, ${metaWords.offset}u)], state[word(k, ${metaWords.profileOffset}u)])`

/** The condition that the step is taken. */
export const takenText = `state[${stateWords.taken}u] != 0u`

/** Scalar outputs that a kernel writes for each parameter. */
export interface Parts {
  readonly outputsOf: (form: Form) => readonly string[]
  /** Whether the kernel runs before the verdict about the step, at it, or after it, where it writes only if the step is taken. */
  readonly time: 'before' | 'verdict' | 'after'
  /** The address of an output that is no part of a sum over parameters; `undefined` for one that is. */
  readonly destination?: (form: Form, output: string) => string | undefined
}

/** A function for each form that writes some of its scalar outputs, and what calls it for every parameter with a gradient. */
export function partsText(
  { forms, layout, plan }: ScalarPlan,
  { outputsOf, time, destination }: Parts,
): { readonly functions: string; readonly loop: string } {
  const made = forms.flatMap((form) => {
    const outputs = outputsOf(form)
    if (outputs.length === 0) return []
    const code = new ScalarCode(form.graph, form.early.columns, parameterReads(form, 'partsAt'))
    const written = outputs.map((output) => {
      const value = code.value(form.graph.outputs[output]!)
      const address = destination?.(form, output) ?? partAddress(layout, output)
      return `state[${address}] = bitcast<u32>(${value});`
    })
    const text = `fn part${form.index}(k: u32) {
  let row = ${time === 'before' ? rowText : `state[word(k, ${metaWords.row}u)]`};
  ${[...code.lines, ...written].join('\n  ')}
}`
    return [{ form, text }]
  })
  const cases = made.map(({ form }) => `case ${form.index}u: { part${form.index}(k); }`)
  const active = `state[${layout.flags}u + k] != 0u`
  return {
    functions: made.map(({ text }) => text).join('\n'),
    // Barriers stay outside of conditions.
    loop: `for (var k = lane; k < ${plan.parameters.length}u; k += ${threads}u) {
    if (${time === 'after' ? `${active} && ${takenText}` : active}) {
      switch word(k, ${metaWords.form}u) { ${cases.join(' ')} default: {} }
    }
  }
  storageBarrier();
  workgroupBarrier();`,
  }
}

/** The address of a parameter's part of a sum over parameters. */
function partAddress({ parts, partNames }: StateLayout, output: string): string {
  return `${parts + partNames.indexOf(output)}u + ${partNames.length}u * k`
}

/** The function that adds up a part of the members of a list that have a gradient. */
export function memberSumText({ layout }: ScalarPlan): string {
  return `fn memberSum(list: u32, count: u32, part: u32) -> f32 {
  var total = 0f;
  for (var j = 0u; j < count; j += 1u) {
    let k = state[list + j];
    let own = f32At(${layout.parts}u + ${layout.partNames.length}u * k + part);
    total += select(0f, own, state[${layout.flags}u + k] != 0u);
  }
  return total;
}`
}

/** The entry point of a kernel of scalars. */
export function entryText(lines: readonly string[]): string {
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) lane: u32) {
  ${lines.join('\n  ')}
}
`
}
