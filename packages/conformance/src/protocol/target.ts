import { isPlain, manifestProblems, type Manifest } from '../manifest.js'
import type { ConformanceTarget, Core, Session, TargetParameter, TypedArray } from '../target.js'
import { base64, bytesIn, encode, entry, isObject, shorten, wrong, type Part } from './encoding.js'
import { ProtocolFault } from './fault.js'
import type { Peer } from './peer.js'
import { errorIn, parametersIn, reportIn, reportOfPlain } from './answers.js'

/** The version of the protocol. */
const protocolVersion = 1

/** Features that hand the target a function, which no message can carry. */
const handedFunctions = ['base/custom', 'embedding/custom'] as const

/** A target in another process. */
export interface RemoteTarget {
  readonly target: ConformanceTarget
  /** Ends the process. */
  readonly end: () => Promise<void>
}

/**
 * The target that a process offers. The process is started now, and once more for the next session whenever it has
 * ended, hung, or written something that is no answer.
 *
 * @param core - reads transformations and checkpoints, and takes the steps that a case compares with the target's
 * @throws ProtocolFault if the process does not introduce itself
 */
export async function connectTarget(core: Core, start: () => Peer): Promise<RemoteTarget> {
  let peer = start()
  const manifest = await introduce(core, peer)
  let sessions = 0
  let reported: unknown

  const runningPeer = async (): Promise<Peer> => {
    if (peer.fault === undefined) return peer
    // A process may end between two requests. That is a fault as well, and no request has reported it.
    if (peer.fault !== reported) throw (reported = peer.fault)
    peer = start()
    const again = await introduce(core, peer)
    if (JSON.stringify(again) === JSON.stringify(manifest)) return peer
    const fault = new ProtocolFault(
      'after it was started again, the process has another manifest than before',
    )
    peer.stop(fault)
    throw fault
  }
  return {
    target: {
      manifest,
      core,
      async create(transformation, parameters) {
        const peer = await runningPeer()
        const session = ++sessions
        const send: Send = async (method, more) => {
          try {
            return await request(core, peer, { method, session, ...more })
          } catch (error) {
            reported = peer.fault
            throw error
          }
        }
        await send('create', {
          transformation: transformation.toJSON(),
          parameters: parameters.map(({ data, ...p }) => ({ ...p, dtype: dtypeOf(data), data })),
        })
        return createSession(send, parameters, isPlain(manifest))
      },
    },
    end: () => peer.end(),
  }
}

/** A request: its method and what belongs to it. */
interface Request {
  readonly method: string
  readonly [key: string]: unknown
}

/** Sends a request about one session and returns the answer. */
type Send = (method: string, more?: object) => Promise<Part>

function createSession(send: Send, parameters: readonly TargetParameter[], plain: boolean): Session {
  let taken = 0
  return {
    async step(gradients, { loss } = {}) {
      const answer = await send('step', { gradients, ...(loss === undefined ? {} : { loss }) })
      taken++
      return plain ? reportOfPlain(taken) : reportIn(entry(answer, 'report'))
    },
    read: async () => parametersIn(entry(await send('read'), 'parameters'), parameters),
    save: async () => bytesIn(entry(await send('save'), 'bytes')),
    load: async (bytes) => void (await send('load', { bytes: base64(bytes) })),
    reset: async () => void (await send('reset')),
    dispose: async () => void (await send('dispose')),
  }
}

/** Asks a process for its manifest. One that gives none is stopped. */
async function introduce(core: Core, peer: Peer): Promise<Manifest> {
  try {
    return await readManifest(core, peer)
  } catch (error) {
    peer.stop(new ProtocolFault('the process did not introduce itself'))
    throw error
  }
}

async function readManifest(core: Core, peer: Peer): Promise<Manifest> {
  const answer = await request(core, peer, { method: 'hello', protocol: protocolVersion })
  const protocol = entry(answer, 'protocol')
  if (protocol.value !== protocolVersion) wrong(protocol, String(protocolVersion))
  const { value } = entry(answer, 'manifest')
  const problems = manifestProblems(value)
  if (problems.length > 0) {
    throw new ProtocolFault(`the answer to "hello" is wrong:\n  ${problems.join('\n  ')}`)
  }
  const manifest = value as Manifest
  const handed = handedFunctions.find((feature) => manifest.capabilities.includes(feature))
  if (handed !== undefined) {
    throw new ProtocolFault(
      `the manifest declares ${handed}, which no process can: a message carries no function`,
    )
  }
  return { ...manifest, protocol: protocolVersion }
}

/** Sends a request and returns the answer, an object. */
async function request(core: Core, peer: Peer, message: Request): Promise<Part> {
  const { method } = message
  const line = await peer.request(method, encode(message))
  const answer: Part = { value: parse(line), answer: `the answer to "${method}"`, path: '' }
  if (!isObject(answer.value)) {
    const fault = new ProtocolFault(
      `the answer to "${method}" is no JSON object on one line: ${shorten(line)} ` +
        '(only answers belong on standard output; everything else belongs on standard error)',
    )
    // The real answer may follow, and every later answer would be that of another request.
    peer.stop(fault)
    throw fault
  }
  const error = entry(answer, 'error')
  if (error.value !== undefined) throw errorIn(error, core)
  return answer
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function dtypeOf(data: TypedArray): 'float32' | 'float64' {
  return data instanceof Float32Array ? 'float32' : 'float64'
}
