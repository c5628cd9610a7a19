/// <reference lib="webworker" />
// The library itself, in a thread of its own: runs, and rows of the phase diagram.
import type { Formula } from './formula.js'
import { runPair, type RunPair } from './pair.js'
import { loadParts } from './parts.js'
import { computePhase, type PhaseRows } from './phase.js'
import type { Settings } from './settings.js'

/** A task for a worker. `formula` is that of the surface. */
export type Task =
  | { readonly kind: 'run'; readonly settings: Settings; readonly formula: Formula }
  | {
      readonly kind: 'phase'
      readonly settings: Settings
      readonly formula: Formula
      readonly rows: readonly [number, number]
    }

/** A worker's answer to the task of the same number. */
export type Answer =
  | { readonly id: number; readonly result: RunPair | PhaseRows }
  | { readonly id: number; readonly error: string }

async function perform(task: Task): Promise<RunPair | PhaseRows> {
  await loadParts(task.settings)
  return task.kind === 'run'
    ? runPair(task.settings, task.formula)
    : computePhase(task.settings, task.formula, task.rows)
}

self.addEventListener('message', ({ data }: MessageEvent<{ id: number; task: Task }>) => {
  const { id, task } = data
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
  const tell = (answer: Answer): void => self.postMessage(answer)
  perform(task).then(
    (result) => tell({ id, result }),
    (error: unknown) => tell({ id, error: error instanceof Error ? error.message : String(error) }),
  )
})
