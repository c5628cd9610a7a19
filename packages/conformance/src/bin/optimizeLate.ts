import { setFlagsFromString } from 'node:v8'

/**
 * Lets V8 optimise functions later than by default. A run asks every function of a target for little and in many forms, so
 * that optimising them, and dropping what was optimised for other forms, takes as much time as all cases together. A
 * function that does run long, such as a loop over large tensors, is still optimised, some milliseconds later.
 */
export function optimizeLate(): void {
  // Bytes of bytecode that a function runs before it may be optimised. V8's default is 67,584.
  if ('v8' in process.versions && !('bun' in process.versions))
    setFlagsFromString('--interrupt-budget=1000000')
}
