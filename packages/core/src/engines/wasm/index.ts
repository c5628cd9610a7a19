import type { EngineFactory } from '../engine.js'
import { sharedArena } from './arena.js'
import { createEngineIn } from './engine.js'
import { createEngineMemory } from './engineMemory.js'
import { createRelocatableEngine } from './relocatableEngine.js'

/** The fast engine: in the memory that it is given, or else in the first one that has room for it. */
export const createWasmEngine: EngineFactory = (plan, parameters, initial, options) => {
  const { memory } = options
  if (memory === undefined) return createRelocatableEngine([{ plan, initial }], parameters, options)
  const engineMemory = createEngineMemory(memory, sharedArena(memory), { isPooled: false })
  try {
    return createEngineIn(engineMemory, plan, parameters, initial, options)
  } catch (error) {
    engineMemory.dispose()
    throw error
  }
}
