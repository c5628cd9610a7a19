/// <reference lib="webworker" />
// The library itself, in a thread of its own: runs, and rows of the phase diagram.
import { runPair, type RunPair } from './pair.js'
import { computePhase, type PhaseRows } from './phase.js'
import type { Settings } from './settings.js'

/** A task for a worker. `formula` is the text of the surface. */
export type Task =
  | { readonly kind: 'run'; readonly settings: Settings; readonly formula: string }
  | {
      readonly kind: 'phase'
      readonly settings: Settings
      readonly formula: string
      readonly rows: readonly [number, number]
    }

/** A worker's answer to the task of the same number. */
export type Answer =
  | { readonly id: number; readonly result: RunPair | PhaseRows }
  | { readonly id: number; readonly error: string }

function perform(task: Task): RunPair | PhaseRows {
  return task.kind === 'run'
    ? runPair(task.settings, task.formula)
    : computePhase(task.settings, task.formula, task.rows)
}

self.addEventListener('message', ({ data }: MessageEvent<{ id: number; task: Task }>) => {
  const { id, task } = data
  let answer: Answer
  try {
    answer = { id, result: perform(task) }
  } catch (error) {
    answer = { id, error: error instanceof Error ? error.message : String(error) }
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
  self.postMessage(answer)
})
