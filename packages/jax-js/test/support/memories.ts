/**
 * The WebAssembly memories that were made so far. jax-js has no count of its arrays, but all of them lie in one memory that it makes
 * when it is loaded, which may be for an earlier file of the worker. So this is loaded before each file.
 */
const kept = globalThis as { memories?: { readonly buffer: ArrayBufferLike }[] }

function keepMemories(): { readonly buffer: ArrayBufferLike }[] {
  const made: { readonly buffer: ArrayBufferLike }[] = []
  const { Memory } = WebAssembly
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor)
      made.push(this)
    }
  }
  return made
}

export const memories = (kept.memories ??= keepMemories())
