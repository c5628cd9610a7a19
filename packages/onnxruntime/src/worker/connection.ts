import { InducedMetricError } from '@induced-metric/core'
import { unsupported } from '@induced-metric/core/adapter'
import { coded, importNode } from '@induced-metric/onnx/adapter'
import { unpackError, type Method, type Request, type Response } from './messages.js'

/** A thread and the calls that it has not answered yet. */
export interface Thread {
  readonly call: (
    method: Method,
    args: readonly unknown[],
    transfer?: readonly ArrayBuffer[],
  ) => Promise<unknown>
  /** Ends the thread after the calls that it was given. */
  readonly release: () => Promise<void>
  /** Ends the thread at once. */
  readonly end: () => Promise<void>
}

/** A worker of Node or of a page. */
interface WorkerHandle {
  readonly postMessage: (message: Request, transfer: ArrayBuffer[]) => void
  readonly terminate: () => unknown
  /** Whether the program has to wait for the worker before it can end. */
  readonly hold: (needed: boolean) => void
}

interface Listener {
  readonly message: (response: Response) => void
  readonly failed: (error: Error) => void
}

/** Starts a thread. */
export async function startThread(): Promise<Thread> {
  const waiting = new Map<
    number,
    { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }
  >()
  let last = 0
  let ended: Error | undefined
  let released: Promise<void> | undefined
  const fail = (error: Error): void => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  const worker = await openWorker({
    message: ({ id, value, error }) => {
      const call = waiting.get(id)
      waiting.delete(id)
      if (waiting.size === 0) worker.hold(false)
      if (error) call?.reject(unpackError(error))
      else call?.resolve(value)
    },
    failed: fail,
  })

  const send = (
    method: Method,
    args: readonly unknown[],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (ended) throw ended
      const id = ++last
      try {
        worker.postMessage({ id, method, args }, [...transfer])
      } catch (error) {
        throw coded('ERR_OPTION', `the arguments of ${method} cannot be sent to a thread`, error)
      }
      waiting.set(id, { resolve, reject })
      worker.hold(true)
    })
  const end = async (): Promise<void> => {
    fail(releasedError())
    await worker.terminate()
  }
  return {
    call: (method, args, transfer) =>
      released ? Promise.reject(releasedError()) : send(method, args, transfer),
    release: () => (released ??= (ended ? Promise.resolve() : send('release', [])).then(end)),
    end,
  }
}

function releasedError(): InducedMetricError {
  return new InducedMetricError('ERR_DISPOSED', 'this worker session was released; create another')
}

async function openWorker({ message, failed }: Listener): Promise<WorkerHandle> {
  if (typeof process === 'object' && process.versions?.node !== undefined) {
    const threads = await importNode('node:worker_threads')
    // Bundlers for pages would copy a file that they see beside import.meta.url.
    const here = import.meta.url
    const worker = new threads.Worker(new URL('./thread.js', here))
    worker.on('message', message)
    worker.on('error', (error) =>
      failed(coded('ERR_NOT_SUPPORTED', 'the thread of this session failed', error)),
    )
    worker.on('exit', (code) => {
      failed(new InducedMetricError('ERR_DISPOSED', `the thread of this session ended with code ${code}`))
    })
    return {
      postMessage: (request, transfer) => worker.postMessage(request, transfer),
      terminate: () => worker.terminate(),
      hold: (needed) => (needed ? worker.ref() : worker.unref()),
    }
  }
  // Bundlers look for exactly these words, and bundle the thread with all that it imports.
  const worker = new Worker(new URL('./thread.js', import.meta.url), { type: 'module' })
  worker.addEventListener('message', ({ data }) => message(data!))
  worker.addEventListener('error', (event) => {
    failed(unsupported(event.message ?? 'the thread of this session did not start'))
  })
  return {
    postMessage: (request, transfer) => worker.postMessage(request, transfer),
    terminate: () => worker.terminate(),
    hold: () => {},
  }
}

/** The worker of a page. */
declare const Worker: new (
  url: URL,
  options: { type: 'module' },
) => {
  postMessage(message: Request, transfer: ArrayBuffer[]): void
  addEventListener(
    type: 'message' | 'error',
    listener: (event: { data?: Response; message?: string }) => void,
  ): void
  terminate(): void
}
