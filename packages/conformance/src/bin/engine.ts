import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'

/**
 * Sets up V8 for a run of the suite, which calls many functions a few hundred times each. By default V8 optimises them all, and
 * again after each new type that they meet, which takes longer than they do. On one core, the threads that collect garbage
 * together only wait for one another.
 */
export function prepareEngine(): void {
  // Bun has another engine, and its function throws.
  if (process.versions['bun'] !== undefined) return
  setFlagsFromString('--interrupt-budget=400000')
  if (availableParallelism() === 1) setFlagsFromString('--no-parallel-scavenge')
}
