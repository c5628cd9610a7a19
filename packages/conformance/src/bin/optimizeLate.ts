import { setFlagsFromString } from 'node:v8'

/**
 * Lets the V8 of Node 20 optimise functions later than by default. A run asks every function of a target for little and in many
 * forms, so that optimising them, and dropping what was optimised for other forms, takes as much time as all cases together. A
 * function that does run long, such as a loop over large tensors, is still optimised, some milliseconds later. Later versions
 * optimise in more steps, have no such flag, and complain of it.
 */
export function optimizeLate(): void {
  const isEarlier = Number.parseInt(process.versions.v8, 10) < 12
  // Bytes of bytecode that a function runs before it may be optimised. The default is 67,584.
  if (isEarlier) setFlagsFromString('--interrupt-budget=1000000')
}
