import { threads } from './words.js'

/**
 * A kernel that adds gradients to sums, a pair of bindings for each tensor of a dispatch, and divides them where an update is
 * complete.
 *
 * @param adds whether there are gradients: else it only divides
 */
export function accumulationText(tensors: number, adds: boolean, divisor: number): string {
  const list = Array.from({ length: tensors }, (_, tensor) => tensor)
  const step = adds ? 2 : 1
  const declared = list.flatMap((tensor) => [
    `@group(0) @binding(${step * tensor}) var<storage, read_write> sum${tensor}: array<f32>;`,
    ...(adds
      ? [`@group(0) @binding(${step * tensor + 1}) var<storage, read> gradient${tensor}: array<f32>;`]
      : []),
  ])
  const cases = list.map((tensor) => {
    const sum = adds ? `(sum${tensor}[i] + gradient${tensor}[i])` : `sum${tensor}[i]`
    return `case ${tensor}u: {
      let end = arrayLength(&sum${tensor});
      for (var i = first; i < end; i += stride) { sum${tensor}[i] = ${sum}${divisor === 1 ? '' : ` / ${divisor}f`}; }
    }`
  })
  return `${declared.join('\n')}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * ${threads}u + lane;
  let stride = groups.x * ${threads}u;
  switch group.y {
    ${cases.join('\n    ')}
    default: {}
  }
}
`
}

/** A kernel that writes the mean of some losses to a place of the state. */
export function meanLossText(count: number, place: number): string {
  return `@group(0) @binding(0) var<storage, read_write> state: array<u32>;
@group(0) @binding(1) var<storage, read> losses: array<f32>;
@compute @workgroup_size(1)
fn main() {
  var sum = 0f;
  for (var i = 0u; i < ${count}u; i += 1u) { sum += losses[i]; }
  state[${place}] = bitcast<u32>(sum / ${count}f);
}
`
}
