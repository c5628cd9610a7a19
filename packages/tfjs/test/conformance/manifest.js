import { allCapabilitiesBut } from '@induced-metric/conformance'

/**
 * The guarantees of each backend. A step's sums accumulate in double precision only on cpu, whose kernels are loops over
 * numbers of JavaScript. Shader languages leave the rounding of their operations to the device, so results there
 * need not agree bit for bit.
 *
 * @type {Readonly<Record<string, Pick<import('@induced-metric/conformance').Manifest, 'arithmetic' | 'capabilities'>>>}
 */
const backends = {
  cpu: {
    arithmetic: { float32: { elementwise: 'float32', sums: 'float64' } },
    capabilities: allCapabilitiesBut('byName'),
  },
  wasm: {
    arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
    capabilities: allCapabilitiesBut('byName'),
  },
  webgl: {
    arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
    capabilities: allCapabilitiesBut('byName', 'bitwise'),
  },
  webgpu: {
    arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
    capabilities: allCapabilitiesBut('byName', 'bitwise'),
  },
  'webgpu, operations': {
    arithmetic: { float32: { elementwise: 'float32', sums: 'float32' } },
    // The host would compute with the matrices of some bases, and cannot read them at once here.
    capabilities: allCapabilitiesBut('byName', 'bitwise', 'base/shampoo', 'base/soap'),
  },
}

/**
 * @param {string} backend
 * @param {string} version of TensorFlow.js
 * @param {string} [engine] with which the optimiser works, if not the one that it chooses
 * @returns {import('@induced-metric/conformance').Manifest}
 */
export function manifestOf(backend, version, engine = 'auto') {
  // On a GPU kernels are chosen where they can run, and operations where they are asked for.
  const row = engine === 'ops' && backend.startsWith('webg') ? `${backend}, operations` : backend
  const promises = backends[row] ?? backends[backend]
  if (promises === undefined) throw new RangeError(`nothing is promised for the backend ${backend}`)
  return {
    name: '@induced-metric/tfjs',
    version: '0.1.0',
    framework: { name: '@tensorflow/tfjs', version },
    backend: row,
    dtypes: ['float32'],
    ...promises,
  }
}
