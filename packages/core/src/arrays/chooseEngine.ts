import type { TypedArray } from '../dtype.js'
import type { Engine, EngineFactory } from '../engines/engine.js'
import { createReferenceEngine } from '../engines/reference/index.js'
import { isShared, isWasmMemory, isWasmSupported, type WasmMemory } from '../engines/wasm/memory.js'
import { isNoMemory } from '../engines/wasm/pool.js'
import { createWasmEngine } from '../engines/wasm/tenant.js'
import type { Helper } from '../engines/wasm/threads/host.js'
import { optionError, show, unsupported } from '../errors.js'
import { initialSlots } from '../step/initialSlots.js'
import type { StepPlan } from '../step/plan.js'
import type { OptimizerOptions } from './types.js'

/**
 * Chooses the engine that the options ask for.
 *
 * @returns a function that creates it for a plan and its parameters' arrays
 * @throws ERR_OPTION for a memory or a helper that is none, or that the engine has no use for; ERR_NOT_SUPPORTED for an
 *   engine that is not available
 */
export function chooseEngine({
  engine = 'auto',
  memory,
  adopt = false,
  helper,
}: OptimizerOptions): (plan: StepPlan, arrays: readonly TypedArray[]) => Engine {
  const create = engineNamed(engine)
  const isWasm = create === createWasmEngine
  if (memory !== undefined) checkMemory(memory, isWasm)
  if (helper !== undefined) checkHelper(helper, isWasm, memory)
  const options = { adopt, ...(memory && { memory }), ...(helper && { helper }) }
  // Whoever gives a memory or a helper has chosen the engine that uses it.
  const mayFallBack = engine === 'auto' && memory === undefined && helper === undefined
  return (plan, arrays) => {
    const initial = initialSlots(plan)
    try {
      return create(plan, arrays, initial, options)
    } catch (error) {
      if (!mayFallBack || !isNoMemory(error)) throw error
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

/** Throws ERR_OPTION unless a helper is a Worker that the engine can use; ERR_NOT_SUPPORTED where threads share no memory. */
function checkHelper(helper: unknown, isWasm: boolean, memory: WasmMemory | undefined): void {
  const { postMessage } = (helper ?? {}) as Partial<Helper>
  let problem: string | undefined
  if (!isWasm) problem = 'one to an engine that has no use for it'
  else if (typeof postMessage !== 'function') problem = show(helper)
  else if (memory !== undefined && !isShared(memory)) problem = 'one with a memory that is not shared'
  if (problem !== undefined) {
    throw optionError(
      `helper must be a Worker for the wasm engine, on its own memory or a shared one, given ${problem}`,
    )
  }
  if (typeof SharedArrayBuffer !== 'undefined') return
  throw unsupported('threads share no memory here: a page has to be isolated from other origins for a helper')
}
