/// <reference lib="webworker" />
// Trainings in a thread of their own.
import type { Settings } from '../settings.js'
import { TrainingSession, type Progress, type SavedSession, type Slice } from './session.js'
import type { TaskId } from './tasks.js'

/** What the page asks for. */
export type TrainingOrder =
  | {
      readonly kind: 'start'
      readonly task: TaskId
      readonly settings: Settings
      readonly steps: number
      readonly saved: SavedSession | undefined
    }
  | { readonly kind: 'stop' }

/** What the page is told. */
export type TrainingNews =
  | { readonly kind: 'progress'; readonly progress: Progress }
  | { readonly kind: 'stopped'; readonly saved: SavedSession; readonly slice: Slice }
  | { readonly kind: 'failed'; readonly message: string }

/** How long steps are taken before the next look at the page's orders, in milliseconds. */
const spell = 80

let stopping = new AbortController()

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
const tell = (news: TrainingNews): void => self.postMessage(news)
const breathe = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 0))

async function train({
  task,
  settings,
  steps,
  saved,
}: Extract<TrainingOrder, { kind: 'start' }>): Promise<void> {
  stopping = new AbortController()
  const { signal } = stopping
  const session = await TrainingSession.create(task, settings, saved)
  try {
    tell({ kind: 'progress', progress: session.progress() })
    const end = session.step + steps
    while (session.step < end && !signal.aborted) {
      const until = performance.now() + spell
      while (session.step < end && performance.now() < until) session.train()
      tell({ kind: 'progress', progress: session.progress() })
      await breathe()
    }
    tell({ kind: 'stopped', saved: session.save(), slice: session.slice() })
  } finally {
    session.dispose()
  }
}

self.addEventListener('message', ({ data }: MessageEvent<TrainingOrder>) => {
  if (data.kind === 'stop') {
    stopping.abort()
    return
  }
  train(data).catch((error: unknown) => {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  })
})
