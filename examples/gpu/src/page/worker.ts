import { readCheckpoint } from '@induced-metric/onnxruntime'
import { expose } from 'comlink'
import wasmUrl from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import webgpuUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'
import type { DataFile } from '../data/files.js'
import { describeEvaluation } from '../networks/describe.js'
import { loadNetwork } from '../networks/index.js'
import type { Network, NetworkName } from '../networks/network.js'
import { train, type Progress } from '../training/loop.js'
import { latestReport, networkOf, openSession, type Place, type Session } from '../training/session.js'

// The thread in which everything is computed. The page calls these methods by comlink.

/** The devices that a visitor can pick. */
export type Device = 'wasm' | 'webgpu'

/** The milliseconds of training between two looks at the network: samples of text, or the test. */
const evaluationInterval = 4000

/** What the page shows of a session that is open. */
export interface Opened {
  readonly network: NetworkName
  readonly device: Device
  readonly unit: Network['unit']
  /** The number of steps so far. */
  readonly step: number
}

/** What the page is told while a network is trained. */
export interface Listener {
  readonly onProgress: (progress: Progress) => void
  /** @param checkpoint as it is then: with it, a GPU that is lost later costs seconds of training and no more */
  readonly onEvaluation: (text: string, checkpoint: Uint8Array) => void | Promise<void>
}

interface Open {
  readonly session: Session
  readonly network: Network
  readonly place: Place
}

let current: Open | undefined
let stop = new AbortController()
let home = ''

/** The runtime of a device: a visitor downloads only the one that is used. */
async function placeOf(device: Device): Promise<Place> {
  const ort = await (device === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm'))
  ort.env.wasm.numThreads = 1
  ort.env.wasm.wasmPaths = { wasm: device === 'webgpu' ? webgpuUrl : wasmUrl }
  return { device, ort }
}

async function load(file: DataFile): Promise<Uint8Array> {
  const url = new URL(file, home)
  const response = await fetch(url)
  if (!response.ok)
    throw new Error(`${url.href} could not be loaded: ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}

async function look(
  { session, network, place }: Open,
  step: number,
  { onEvaluation }: Pick<Listener, 'onEvaluation'>,
): Promise<void> {
  const text = describeEvaluation(await network.evaluate(session, place.ort, step))
  // The page has it before it is told that the training has ended.
  await onEvaluation(text, await session.saveCheckpoint())
}

const engine = {
  /**
   * Tells the thread where the page is.
   *
   * @returns whether WebGPU gives an adapter here
   */
  async start(url: string): Promise<boolean> {
    home = url
    const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } }
    const adapter = await gpu?.requestAdapter().catch(() => null)
    return adapter !== undefined && adapter !== null
  },

  /** Opens a session at its start, or at a checkpoint, which says which network it is of. The one before is released. */
  async open(name: NetworkName, device: Device, bytes?: Uint8Array): Promise<Opened> {
    const checkpoint = bytes && readCheckpoint(bytes)
    const chosen = checkpoint === undefined ? name : networkOf(checkpoint)
    const network = await loadNetwork(chosen, load)
    const place = await placeOf(device)
    const session = await openSession(network, place, checkpoint)
    await current?.session.release()
    current = { session, network, place }
    const step = (await latestReport(session))?.step ?? 0
    return { network: chosen, device, unit: network.unit, step }
  },

  /** Trains until it is stopped. Now and then, and at the end, it looks at the network. */
  async train(listener: Listener): Promise<void> {
    stop = new AbortController()
    const { signal } = stop
    const open = current!
    let [step, evaluated] = [0, performance.now()]
    for await (const progress of train(open.session, open.network, { ort: open.place.ort, signal })) {
      step = progress.step
      listener.onProgress(progress)
      if (performance.now() - evaluated > evaluationInterval) {
        await look(open, step, listener)
        evaluated = performance.now()
      }
      // Lets a call of stop() through.
      await new Promise((resolve) => setTimeout(resolve))
    }
    await look(open, step, listener)
  },

  stop: (): void => stop.abort(),

  /** The bytes of a checkpoint, also while it trains. */
  save: (): Promise<Uint8Array> => current!.session.saveCheckpoint(),
}

/** The methods of the thread. */
export type Engine = typeof engine

expose(engine)
