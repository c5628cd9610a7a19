// npm run docs:table [-- --add report.json …]
//
// Runs the conformance suite on what there is in Node, or takes the reports of other runs (of a browser, of an adapter
// from elsewhere), keeps their summaries in docs/conformance, and writes the table of them into README and docs.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { allCapabilities, runConformance } from '@induced-metric/conformance'
import * as core from '@induced-metric/core'
import { readSummaries, summarize, updatePages, writeSummary } from './conformance.js'
import { root } from './workspace.js'

/**
 * @typedef {import('@induced-metric/conformance').ConformanceTarget} ConformanceTarget
 * @typedef {import('@induced-metric/conformance').ConformanceReport} Report
 * @typedef {{ env: { wasm: { numThreads: number }, versions: { common: string, node?: string, web?: string } } }} Runtime
 */

/**
 * @param {'reference' | 'wasm'} engine
 * @returns {ConformanceTarget}
 */
function coreTarget(engine) {
  return {
    manifest: {
      name: '@induced-metric/core',
      version: '0.1.0',
      backend: engine,
      dtypes: ['float32', 'float64'],
      arithmetic: {
        float32: { elementwise: 'float32', sums: 'float64' },
        float64: { elementwise: 'float64', sums: 'float64' },
      },
      capabilities: allCapabilities,
    },
    core,
    create(transformation, parameters) {
      const optimizer = core.createOptimizer(transformation, parameters, { engine })
      return {
        step: (gradients, options) => optimizer.step(gradients, options),
        read: () => optimizer.parameters.map(({ data }) => data),
        slots: () => Object.fromEntries(parameters.map(({ name }, i) => [name, optimizer.slots[i] ?? {}])),
        save: () => core.encodeCheckpoint(optimizer.save()),
        load: (bytes) => optimizer.load(core.decodeCheckpoint(bytes)),
        dispose: () => optimizer.dispose(),
      }
    },
  }
}

/**
 * The adapter's own target, with the copy of TensorFlow.js that its tests use.
 *
 * @param {'cpu' | 'wasm'} backend
 * @returns {Promise<ConformanceTarget>}
 */
async function tfjsTarget(backend) {
  const path = join(root, 'packages/tfjs/test/conformance/target.js')
  const { resolve } = createRequire(path)
  const wasm = resolve('@tensorflow/tfjs-backend-wasm')
  const tf = await load(resolve('@tensorflow/tfjs'))
  call(await load(wasm), 'setWasmPaths', dirname(wasm) + sep)
  await call(tf, 'setBackend', backend)
  await call(tf, 'ready')
  return /** @type {ConformanceTarget} */ (call(await load(path), 'tfjsTarget', tf, { backend }))
}

/**
 * The adapter's own target, with the copies of brain.js that its tests use.
 *
 * @param {string} version of brain.js, as far as it is needed to find it
 * @returns {Promise<ConformanceTarget>}
 */
async function brainTarget(version) {
  const file = (/** @type {string} */ path) => load(join(root, 'packages/brain.js', path))
  const { versions } = await file('test/support/brain.js')
  const { attachRecurrent } = await file('dist/recurrent.js')
  const found = /** @type {{ version: string }[]} */ (versions).find((each) =>
    each.version.startsWith(version),
  )
  const target = call(await file('test/conformance/target.js'), 'brainTarget', found, attachRecurrent)
  return /** @type {ConformanceTarget} */ (target)
}

/**
 * The adapter's own target, on a package of ONNX Runtime.
 *
 * @param {'onnxruntime-node' | 'onnxruntime-web'} name
 * @param {string} entry the part of the package to load
 * @param {string} backend
 * @returns {Promise<ConformanceTarget>}
 */
async function onnxruntimeTarget(name, entry, backend) {
  const path = join(root, 'packages/onnxruntime/test/conformance/target.js')
  const loaded = await load(createRequire(path).resolve(entry))
  const ort = /** @type {Runtime} */ (loaded['env'] ? loaded : loaded['default'])
  ort.env.wasm.numThreads = 1
  const { common, node, web } = ort.env.versions
  const runtime = { name, version: node ?? web ?? common, backend }
  return /** @type {ConformanceTarget} */ (call(await load(path), 'onnxruntimeTarget', ort, runtime))
}

/**
 * @param {string} path
 * @returns {Promise<Record<string, unknown>>} a module whose types are those of another project
 */
function load(path) {
  return /** @type {Promise<Record<string, unknown>>} */ (import(pathToFileURL(path).href))
}

/**
 * @param {Record<string, unknown>} module
 * @param {string} name
 * @param {...unknown} given
 */
function call(module, name, ...given) {
  return /** @type {(...given: unknown[]) => unknown} */ (module[name])(...given)
}

/** What can be run here, by name. */
const targets = {
  'core reference': () => coreTarget('reference'),
  'core wasm': () => coreTarget('wasm'),
  'brain.js 1': () => brainTarget('1.'),
  'brain.js 2': () => brainTarget('2.'),
  'onnxruntime node': () => onnxruntimeTarget('onnxruntime-node', 'onnxruntime-node', 'cpu'),
  'onnxruntime web': () => onnxruntimeTarget('onnxruntime-web', 'onnxruntime-web/wasm', 'wasm'),
  'tfjs cpu': () => tfjsTarget('cpu'),
  'tfjs wasm': () => tfjsTarget('wasm'),
}

const { values } = parseArgs({ options: { add: { type: 'string', multiple: true } } })
if (values.add === undefined) {
  for (const [name, make] of Object.entries(targets)) {
    const report = await runConformance(await make())
    console.log(`${name}: ${JSON.stringify(report.totals)}`)
    for (const { id, status } of report.cases) if (status === 'failed') console.log(`  failed: ${id}`)
    writeSummary(summarize(report))
  }
} else {
  for (const file of values.add)
    writeSummary(summarize(/** @type {Report} */ (JSON.parse(readFileSync(file, 'utf8')))))
}
updatePages()
console.log(`${readSummaries().length} reports in the table`)
