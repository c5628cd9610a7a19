import type { MetricUnit, Profile } from '../../../step/plan.js'
import { clipGraph } from '../../../step/metricGraph.js'
import { sharedInput } from '../../../transformation/declarations.js'
import { earlyScalarsOf, type EarlyScalars } from './earlyScalars.js'
import { isEarlyInput } from './form.js'
import { entryText, memberSumText, partsText, rowText, type ScalarPlan } from './partText.js'
import { ScalarCode } from './scalarCode.js'
import { unitFunction } from './unitText.js'
import { descriptorWords, fixedUnit, stateWords, threads, unitWords } from './words.js'

/** The scalars of a profile's shared graph that the host computes. */
export function earlyOfShared({ shared }: Profile): EarlyScalars {
  return earlyScalarsOf(shared, shared.names.map(sharedInput), isEarlyInput)
}

/** The kernel that computes the factors by which gradients are clipped. */
export function clipText(given: ScalarPlan): string {
  const { layout, plan } = given
  const parts = partsText(given, {
    outputsOf: ({ graph }) => ('norm' in graph.outputs ? ['norm'] : []),
    time: 'before',
  })
  const code = new ScalarCode(clipGraph, new Map(), {
    input: (name) =>
      name === 'clipNorm'
        ? 'f32At(described)'
        : `memberSum(state[described + 1u], state[described + 2u], 0u)`,
  })
  const value = code.value(clipGraph.outputs['clip']!)
  return `${memberSumText(given)}
${parts.functions}
${entryText([
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
  const parts = partsText(given, { outputsOf: ({ graph }) => graph.totals, time: 'before' })
  const sums = plan.profiles.flatMap(({ totals, members }, profile) =>
    totals.map((name, index) => ({ name, members, at: layout.totals[profile]! + index })),
  )
  return `${memberSumText(given)}
${parts.functions}
${entryText([
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
  const parts = partsText(given, { outputsOf: ({ graph }) => graph.reductions, time: 'verdict' })
  const { functions, calls } = sharedFunctions(given)
  const cases = unitForms.map((_, form) => `case ${form}u: { unit${form}(u); }`)
  const [units, parameters, profiles] = [plan.units.length, plan.parameters.length, plan.profiles.length]
  return `var<workgroup> verdict: u32;
${memberSumText(given)}
${parts.functions}
${unitForms.map(({ unit, early }, form) => unitFunction(unit, early, form, layout)).join('\n')}
${functions}
${entryText([
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
