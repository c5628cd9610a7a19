import { encodeModule } from './codegen/encoder.js'
import { op } from './codegen/instructions.js'
import { pair } from './codegen/vectors.js'
import { compileModule } from './memory.js'

let supported: boolean | undefined

/**
 * Whether modules with vector instructions compile here. They do not in old browsers, nor under a content security
 * policy without `'wasm-unsafe-eval'`.
 */
export function isWasmSupported(): boolean {
  supported ??= tryModule()
  return supported
}

function tryModule(): boolean {
  if (typeof WebAssembly === 'undefined') return false
  const body = [pair.zero, op.drop]
  try {
    compileModule(encodeModule([{ name: 'test', parameters: 0, locals: [], body }], false))
    return true
  } catch {
    return false
  }
}

declare const WebAssembly: unknown
