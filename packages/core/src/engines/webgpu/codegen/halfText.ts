import { threads } from './words.js'

/**
 * A kernel that rounds tensors to half precision, a pair of bindings for each. It packs two numbers at a time, for which no
 * device needs a feature. The largest number stands for those beyond it, whose conversion WGSL does not define.
 */
export function halfText(tensors: number): string {
  const list = Array.from({ length: tensors }, (_, tensor) => tensor)
  const declared = list.flatMap((tensor) => [
    `@group(0) @binding(${2 * tensor}) var<storage, read> full${tensor}: array<f32>;`,
    `@group(0) @binding(${2 * tensor + 1}) var<storage, read_write> half${tensor}: array<u32>;`,
  ])
  const cases = list.map(
    (tensor) => `case ${tensor}u: {
      let end = sizes[${tensor}];
      for (var i = first; 2u * i < end; i += stride) {
        let a = full${tensor}[2u * i];
        let b = select(0f, full${tensor}[min(2u * i + 1u, end - 1u)], 2u * i + 1u < end);
        half${tensor}[i] = pack2x16float(clamp(vec2f(a, b), vec2f(-65504f), vec2f(65504f)));
      }
    }`,
  )
  return `${declared.join('\n')}
@group(0) @binding(${2 * tensors}) var<uniform> sizes: vec4u;
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
