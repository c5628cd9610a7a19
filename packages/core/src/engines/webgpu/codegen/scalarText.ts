import type { MetricUnit, Profile, StepPlan } from '../../../step/plan.js'
import { clipGraph } from '../../../step/metricGraph.js'
import { changeOutput } from '../../../step/stepGraph.js'
import { sharedInput } from '../../../transformation/declarations.js'
import { earlyScalarsOf, type EarlyScalars } from './earlyScalars.js'
import { isEarlyInput, type Form } from './form.js'
import type { StateLayout } from './layout.js'
import { parameterReads, ScalarCode } from './scalarCode.js'
import { unitFunction } from './unitText.js'
import {
  descriptorWords,
  fixedDescriptor,
  fixedUnit,
  metaWords,
  stateWords,
  threads,
  unitWords,
} from './words.js'

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

/** The scalars of a profile's shared graph that the host computes. */
export function earlyOfShared({ shared }: Profile): EarlyScalars {
  return earlyScalarsOf(shared, shared.names.map(sharedInput), isEarlyInput)
}

/** A function for each form that writes some of its scalar outputs, and what calls it for every parameter with a gradient. */
function partFunctions(
  { forms, layout, plan }: ScalarPlan,
  outputsOf: (form: Form) => readonly string[],
  isLate: boolean,
  destination: (form: Form, output: string) => string,
): { readonly functions: string; readonly loop: string } {
  const made = forms.flatMap((form) => {
    const outputs = outputsOf(form)
    if (outputs.length === 0) return []
    const code = new ScalarCode(form.graph, form.early.columns, parameterReads(form, 'partsAt'))
    const written = outputs.map((output) => {
      const value = code.value(form.graph.outputs[output]!)
      return `state[${destination(form, output)}] = bitcast<u32>(${value});`
    })
    const row = isLate ? `state[word(k, ${metaWords.row}u)]` : rowText
    const text = `fn part${form.index}(k: u32) {
  let row = ${row};
  ${[...code.lines, ...written].join('\n  ')}
}`
    return [{ form, text }]
  })
  const cases = made.map(({ form }) => `case ${form.index}u: { part${form.index}(k); }`)
  return {
    functions: made.map(({ text }) => text).join('\n'),
    loop: `for (var k = lane; k < ${plan.parameters.length}u; k += ${threads}u) {
    if (state[${layout.flags}u + k] == 0u) { continue; }
    switch word(k, ${metaWords.form}u) { ${cases.join(' ')} default: {} }
  }
  storageBarrier();
  workgroupBarrier();`,
  }
}

const rowText = `rowOf(word(k, ${metaWords.class}u), state[word(k, ${metaWords.offset}u)], state[word(k, ${metaWords.profileOffset}u)])`

/** Where a form's output goes: to the parameter's parts of sums over parameters. */
function toParts({ layout }: ScalarPlan): (form: Form, output: string) => string {
  return (_, output) => `word(k, ${metaWords.parts}u) + ${layout.partNames.indexOf(output)}u`
}

function memberSum({ layout }: ScalarPlan): string {
  return `fn memberSum(list: u32, count: u32, part: u32) -> f32 {
  var total = 0f;
  for (var j = 0u; j < count; j += 1u) {
    let k = state[list + j];
    if (state[${layout.flags}u + k] != 0u) { total += f32At(word(k, ${metaWords.parts}u) + part); }
  }
  return total;
}`
}

function entry(lines: readonly string[]): string {
  return `@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) lane: u32) {
  ${lines.join('\n  ')}
}
`
}

/** The kernel that computes the factors by which gradients are clipped. */
export function clipText(given: ScalarPlan): string {
  const { layout, plan } = given
  const parts = partFunctions(
    given,
    ({ graph }) => ('norm' in graph.outputs ? ['norm'] : []),
    false,
    toParts(given),
  )
  const code = new ScalarCode(clipGraph, new Map(), {
    input: (name) =>
      name === 'clipNorm'
        ? 'f32At(described)'
        : `memberSum(state[described + 1u], state[described + 2u], 0u)`,
    sum: () => '',
  })
  const value = code.value(clipGraph.outputs['clip']!)
  return `${memberSum(given)}
${parts.functions}
${entry([
  parts.loop,
  `for (var u = lane; u < ${plan.clips.length}u; u += ${threads}u) {
    let described = ${layout.clipWords}u + 3u * u;
    ${code.lines.join('\n    ')}
    state[${layout.clips}u + u] = bitcast<u32>(${value});
  }`,
])}`
}

/** The kernel that adds up the totals of profiles. */
export function totalsText(given: ScalarPlan): string {
  const { layout, plan } = given
  const parts = partFunctions(given, ({ graph }) => graph.totals, false, toParts(given))
  const sums = plan.profiles.flatMap(({ totals, members }, profile) =>
    totals.map((name, index) => ({ name, members, at: layout.totals[profile]! + index })),
  )
  return `${memberSum(given)}
${parts.functions}
${entry([
  parts.loop,
  ...sums.map(
    ({ name, members, at }, index) =>
      `if (lane == ${index % threads}u) { state[${at}u] = bitcast<u32>(memberSum(${layout.lists.get(members.join())}u, ${members.length}u, ${layout.partNames.indexOf(name)}u)); }`,
  ),
])}`
}

/** The kernel that evaluates metric units and decides about the step. It counts the step if it is to be taken. */
export function metricText(given: ScalarPlan): string {
  const { layout, plan, unitForms } = given
  const parts = partFunctions(given, ({ graph }) => graph.reductions, true, toParts(given))
  const { functions, calls } = sharedFunctions(given)
  const cases = unitForms.map((_, form) => `case ${form}u: { unit${form}(u); }`)
  const [units, parameters, profiles] = [plan.units.length, plan.parameters.length, plan.profiles.length]
  return `var<workgroup> verdict: u32;
${memberSum(given)}
${parts.functions}
${unitForms.map(({ unit, early }, form) => unitFunction(unit, early, form, layout)).join('\n')}
${functions}
${entry([
  `for (var k = lane; k < ${parameters}u; k += ${threads}u) { state[${layout.rows}u + k] = ${rowText}; }`,
  parts.loop,
  `for (var u = lane; u < ${units}u; u += ${threads}u) {
    if (state[${layout.unitFlags}u + u] == 0u) { continue; }
    switch state[${layout.unitWords}u + u * ${layout.unitLength}u + ${descriptorWords.form}u] { ${cases.join(' ')} default: {} }
  }`,
  ...calls,
  'storageBarrier();',
  'workgroupBarrier();',
  `if (lane == 0u) { ${verdictText(given)} }`,
  'workgroupBarrier();',
  'if (verdict == 0u) { return; }',
  `for (var k = lane; k < ${parameters}u; k += ${threads}u) { state[${layout.offsets}u + k] += 1u - state[${layout.flags}u + k]; }`,
  `for (var k = lane; k < ${profiles}u; k += ${threads}u) { state[${layout.profileOffsets}u + k] += 1u - state[${layout.profileFlags}u + k]; }`,
  `for (var u = lane; u < ${units}u; u += ${threads}u) {
    let isIdle = 1u - state[${layout.unitFlags}u + u];
    state[${layout.unitOffsets}u + u] += isIdle;
    state[${layout.lossOffsets}u + u] += isIdle;
    if (isIdle == 1u) { continue; }
    let results = state[${layout.unitWords}u + u * ${layout.unitLength}u];
    state[results + ${unitWords.average}u] = state[results + ${unitWords.nextAverage}u];
    switch state[${layout.unitWords}u + u * ${layout.unitLength}u + ${descriptorWords.form}u] { ${unitForms
      .map(({ unit }, form) => `case ${form}u: { ${keptText(unit)} }`)
      .join(' ')} default: {} }
  }`,
])}`
}

function keptText({ graph }: MetricUnit): string {
  return graph.state
    .map(
      (_, index) =>
        `state[results + ${fixedUnit + 2 * index}u] = state[results + ${fixedUnit + 2 * index + 1}u];`,
    )
    .join(' ')
}

/** The statements of one thread that find the first unit whose status forbids the step, and count the step. */
function verdictText({ layout, plan }: ScalarPlan): string {
  return `
    verdict = 1u;
    for (var u = 0u; u < ${plan.units.length}u; u += 1u) {
      if (state[${layout.unitFlags}u + u] == 0u) { continue; }
      let described = ${layout.unitWords}u + u * ${layout.unitLength}u;
      let results = state[described];
      let status = u32(f32At(results + ${unitWords.status}u));
      if (status == 0u) { continue; }
      verdict = 0u;
      if ((state[described + ${descriptorWords.throws}u] & status) == 0u) {
        state[${stateWords.skipped}] += 1u;
      } else {
        state[${stateWords.refused}] += 1u;
        state[${stateWords.refusedUnit}] = u;
        state[${stateWords.refusedStatus}] = status;
        state[${stateWords.refusedDualNorm}] = state[results + ${unitWords.dualNorm}u];
        state[${stateWords.refusedLoss}] = state[${stateWords.loss}];
      }
      break;
    }
    state[${stateWords.taken}] = verdict;
    state[${stateWords.step}] += verdict;
  `
}

/** The functions that compute the next shared scalars of profiles, and what calls them. */
function sharedFunctions({ plan, layout, sharedEarly, profileClass }: ScalarPlan) {
  const made = plan.profiles.flatMap(({ shared, totals }, profile) => {
    if (shared.names.length === 0) return []
    const address = layout.shared[profile]!
    const code = new ScalarCode(shared, sharedEarly[profile]!.columns, {
      input(name) {
        if (name === 'loss') return `f32At(${stateWords.loss}u)`
        const total = totals.indexOf(name)
        if (total !== -1) return `f32At(${layout.totals[profile]! + total}u)`
        return `f32At(${address + 2 * shared.names.indexOf(name.slice('shared.'.length))}u)`
      },
      sum: () => '',
    })
    const written = shared.names.map((name, index) => {
      const value = code.value(shared.outputs[sharedInput(name)]!)
      return `state[${address + 2 * index + 1}u] = bitcast<u32>(${value});`
    })
    const row = `rowOf(${profileClass(profile)}u, state[${layout.profileOffsets + profile}u], 0u)`
    const text = `fn shared${profile}() {
  let row = ${row};
  ${[...code.lines, ...written].join('\n  ')}
}`
    const call = `if (lane == ${profile % threads}u && state[${layout.profileFlags + profile}u] != 0u) { shared${profile}(); }`
    return [{ text, call }]
  })
  return { functions: made.map(({ text }) => text).join('\n'), calls: made.map(({ call }) => call) }
}

/** Whether a plan keeps scalars that are known only after its parameters have been written. */
export function keepsScalars({ plan, forms }: Pick<ScalarPlan, 'plan' | 'forms'>): boolean {
  return (
    plan.changes.length > 0 ||
    plan.profiles.some(({ shared }) => shared.names.length > 0) ||
    forms.some(({ scalarSlots }) => scalarSlots.length > 0)
  )
}

/** The kernel that keeps scalar slots, shared scalars and changes, if the step was taken. */
export function keepText(given: ScalarPlan): string {
  const { layout, plan } = given
  const changes = new Set(plan.changes)
  const slotOf = (output: string): string => output.slice('slot.'.length)
  const parts = partFunctions(
    given,
    ({ graph, scalarSlots }) => [
      ...graph.averaging.map(changeOutput),
      ...scalarSlots.map((slot) => `slot.${slot}`),
    ],
    true,
    (form, output) =>
      changes.has(output)
        ? toParts(given)(form, output)
        : `word(k, ${metaWords.scalars}u) + ${2 * form.scalarSlots.indexOf(slotOf(output))}u`,
  )
  const shared = plan.profiles.flatMap(({ shared: { names } }, profile) =>
    names.map((_, index) => {
      const address = layout.shared[profile]! + 2 * index
      const flag = layout.profileFlags + profile
      return `if (lane == 0u && state[${flag}u] != 0u) { state[${address}u] = state[${address + 1}u]; }`
    }),
  )
  return `${memberSum(given)}
${parts.functions}
${entry([
  guarded(parts.loop),
  ...shared.map((line) => line.replace('lane == 0u', `state[${stateWords.taken}] != 0u && lane == 0u`)),
  ...changesText(given),
])}`
}

/** The loop over parameters, for a step that was taken: barriers stay outside of conditions. */
function guarded(loop: string): string {
  return loop.replace('] == 0u) { continue; }', `] == 0u || state[${stateWords.taken}] == 0u) { continue; }`)
}

/** The statements that add what parameters have moved to the state of units. A sum that overflowed is left out. */
function changesText({ plan, layout }: ScalarPlan): string[] {
  const most = Math.max(0, ...plan.units.map(({ changes }) => changes.length))
  if (most === 0) return []
  const forms = plan.units.map(({ changes, sums }, unit) => {
    const added = changes.map(({ state, output }, index) => {
      const list = fixedDescriptor + 2 * (sums.length + index)
      const place = fixedUnit + 2 * state
      return `{
        let moved = memberSum(state[described + ${list}u], state[described + ${list + 1}u], ${layout.partNames.indexOf(output)}u);
        if (isFinite(moved)) { state[results + ${place}u] = bitcast<u32>(f32At(results + ${place}u) + moved); }
      }`
    })
    return `if (lane == ${unit % threads}u && state[${layout.unitFlags + unit}u] != 0u && state[${stateWords.taken}] != 0u) {
      let described = ${layout.unitWords + unit * layout.unitLength}u;
      let results = state[described];
      ${added.join('\n      ')}
    }`
  })
  return forms
}
