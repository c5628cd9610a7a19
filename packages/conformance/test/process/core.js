/**
 * The core's reference engine in a process of its own. The argument names a fault, which shows at the third step of a
 * session under `log`, or in the manifest.
 */
import * as core from '@induced-metric/core'
import { readFileSync } from 'node:fs'
import { serve } from './serve.js'

/** @typedef {import('./serve.js').Request} Request */
/** @typedef {{ optimizer: core.Optimizer, parameters: { data: core.TypedArray }[], log: boolean, steps: number }} Session */

const [, , fault = 'none'] = process.argv

/** All that a process may declare. */
const schema =
  /** @type {{ $defs: { manifest: { properties: { capabilities: { items: { enum: string[] } } } } } }} */ (
    JSON.parse(readFileSync(new URL('../../protocol.schema.json', import.meta.url), 'utf8'))
  )
const manifest = {
  name: 'core in a process',
  version: fault === 'another manifest' ? String(process.pid) : '1.0.0',
  dtypes: ['float32', 'float64'],
  arithmetic: {
    float32: { elementwise: 'float32', sums: 'float64' },
    float64: { elementwise: 'float64', sums: 'float64' },
  },
  capabilities:
    fault === 'a base of the kit’s own'
      ? ['base/sgd', 'base/custom']
      : schema.$defs.manifest.properties.capabilities.items.enum,
}

/** @type {Map<number, Session>} */
const sessions = new Map()

/** @param {Request} request */
function create({ session, transformation, parameters }) {
  const own = parameters.map((p) => ({
    ...p,
    data: p.dtype === 'float32' ? Float32Array.from(p.data, Number) : Float64Array.from(p.data, Number),
  }))
  const read = core.fromJSON(transformation)
  const optimizer = core.createOptimizer(read, own, { engine: 'reference' })
  sessions.set(session, {
    optimizer,
    parameters: own,
    log: read.settings.embedding.name === 'log',
    steps: 0,
  })
  return {}
}

/**
 * @param {Session} session
 * @param {Request} request
 */
function step(session, { gradients, loss }) {
  const { optimizer, parameters } = session
  const typed = gradients.map((g, i) => {
    if (g === null) return null
    return parameters[i]?.data instanceof Float32Array
      ? Float32Array.from(g, Number)
      : Float64Array.from(g, Number)
  })
  const report = optimizer.step(typed, loss === undefined ? {} : { loss: Number(loss) })
  session.steps++
  return { report }
}

/**
 * @param {Request} request
 * @returns {unknown}
 */
function answer(request) {
  const { method } = request
  if (method === 'hello') return { protocol: fault === 'another protocol' ? 2 : 1, manifest }
  if (method === 'create') return create(request)
  const session = /** @type {Session} */ (sessions.get(request.session))
  const { optimizer, parameters } = session
  if (method === 'step') return step(session, request)
  if (method === 'read') return { parameters: parameters.map(({ data }) => data) }
  if (method === 'save') {
    return { bytes: Buffer.from(core.encodeCheckpoint(optimizer.save())).toString('base64') }
  }
  if (method === 'load') optimizer.load(core.decodeCheckpoint(Buffer.from(request.bytes, 'base64')))
  else if (method === 'reset') optimizer.reset()
  else optimizer.dispose()
  return {}
}

/**
 * The faults, by the request whose answer shows them.
 *
 * @type {Record<string, Record<string, (line: string) => string | undefined>>}
 */
const faults = {
  step: {
    crash: () => {
      process.stderr.write('MemoryError: no more\n')
      return process.exit(7)
    },
    hang: () => undefined,
    'a word too early': (line) => `step 3 took 0.1 ms\n${line}\n`,
    'a line too many': (line) => `${line}\n{}\n`,
    'an array': () => '[]\n',
    'no report': () => '{}\n',
    'another manifest': () => process.exit(0),
    'a text for a number': (line) => `${line.replace(/"scale":[^,]+/, '"scale":"large"')}\n`,
    'calls that wait': (line) => `${line.replace('"skipped":', '"accumulated":1,"skipped":')}\n`,
    'NaN for a number': (line) => `${line.replace(/"scale":[^,]+/, '"scale":NaN')}\n`,
    'an unknown code': () => '{"error":{"code":"ERR_BAD","message":"bad"}}\n',
    'an error of its own': () => '{"error":{"code":"ERR_INTERNAL","message":"KeyError: v"}}\n',
    'an error that is asked for nowhere': () => '{"error":{"code":"ERR_SHAPE","message":"odd"}}\n',
  },
  read: {
    'a number too few': (line) => `${line.replace(/,[^,\]]+\]/, ']')}\n`,
    'a parameter too few': (line) => `${line.replace(/\[[^[\]]*\],/, '')}\n`,
    'NaN in a parameter': (line) => `${line.replace(/[^[\],]+,/, '"NaN",')}\n`,
  },
  dispose: {
    'crash at the end': () => process.exit(3),
    'end between two cases': (line) => {
      process.stdout.write(`${line}\n`, () => process.exit(0))
      return undefined
    },
  },
}

/** @type {Request | undefined} */
let asked

serve(
  (request) => {
    asked = request
    return answer(request)
  },
  (line) => {
    const { method = '', session = 0 } = asked ?? {}
    const { log = false, steps = 0 } = sessions.get(session) ?? {}
    const isTime = log && (method === 'dispose' || steps === 3)
    const shows = isTime ? faults[method]?.[fault] : undefined
    process.stdout.write((shows === undefined ? `${line}\n` : shows(line)) ?? '')
  },
)
