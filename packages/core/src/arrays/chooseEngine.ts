import type { TypedArray } from '../dtype.js'
import type { Engine, EngineFactory, OptimizerWorker, WasmMemory } from '../engines/engine.js'
import { createReferenceEngine } from '../engines/reference/index.js'
import { isWasmSupported } from '../engines/wasm/featureProbe.js'
import { createWasmEngine } from '../engines/wasm/index.js'
import { isShared, isWasmMemory } from '../engines/wasm/memory.js'
import { isOutOfMemory } from '../engines/wasm/memoryPool.js'
import { optionError, show, unsupported } from '../errors.js'
import { initialSlots } from '../step/initialSlots.js'
import type { StepPlan } from '../step/plan.js'
import type { OptimizerOptions } from './types.js'

/**
 * Chooses the engine that the options ask for.
 *
 * @returns a function that creates it for a plan and its parameters' arrays
 * @throws ERR_OPTION for a memory or a worker that is none, or that the engine has no use for; ERR_NOT_SUPPORTED for an
 *   engine that is not available
 */
export function chooseEngine({
  engine = 'auto',
  memory,
  adopt = false,
  worker,
}: OptimizerOptions): (plan: StepPlan, arrays: readonly TypedArray[]) => Engine {
  const create = engineNamed(engine)
  const isWasm = create === createWasmEngine
  if (memory !== undefined) checkMemory(memory, isWasm)
  if (worker !== undefined) checkWorker(worker, isWasm, memory)
  const options = { adopt, ...(memory && { memory }), ...(worker && { worker }) }
  // Whoever gives a memory or a worker has chosen the engine that uses it.
  const mayFallBack = engine === 'auto' && memory === undefined && worker === undefined
  return (plan, arrays) => {
    const initial = initialSlots(plan)
    try {
      return create(plan, arrays, initial, options)
    } catch (error) {
      if (!mayFallBack || !isOutOfMemory(error)) throw error
      return createReferenceEngine(plan, arrays, initial, options)
    }
  }
}

function engineNamed(name: NonNullable<OptimizerOptions['engine']>): EngineFactory {
  if (name === 'reference') return createReferenceEngine
  if (isWasmSupported()) return createWasmEngine
  if (name === 'auto') return createReferenceEngine
  throw unsupported(
    "WebAssembly with vector instructions cannot be compiled here; use engine: 'auto' or 'reference'. A content " +
      "security policy has to allow 'wasm-unsafe-eval'",
  )
}

function checkMemory(memory: unknown, isWasm: boolean): void {
  if (isWasm && isWasmMemory(memory)) return
  const problem = isWasm ? show(memory) : 'one to an engine that has no use for it'
  throw optionError(`memory must be a WebAssembly.Memory for the wasm engine, given ${problem}`)
}

/** Throws ERR_OPTION unless a worker is a Worker that the engine can use; ERR_NOT_SUPPORTED where threads share no memory. */
function checkWorker(worker: unknown, isWasm: boolean, memory: WasmMemory | undefined): void {
  const { postMessage } = (worker ?? {}) as Partial<OptimizerWorker>
  let problem: string | undefined
  if (!isWasm) problem = 'one to an engine that has no use for it'
  else if (typeof postMessage !== 'function') problem = show(worker)
  else if (memory !== undefined && !isShared(memory)) problem = 'one with a memory that is not shared'
  if (problem !== undefined) {
    throw optionError(
      `worker must be a Worker for the wasm engine, on its own memory or a shared one, given ${problem}`,
    )
  }
  if (typeof SharedArrayBuffer !== 'undefined') return
  throw unsupported('threads share no memory here: a page has to be isolated from other origins for a worker')
}
