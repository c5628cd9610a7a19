/// <reference lib="webworker" />
// Times steps on the visitor's machine, away from the page.
import { createTask } from '../training/tasks.js'
import { compareTraining, compareWithLoop, compareWithTf, type Comparison } from './compare.js'
import { compareDemo, loadDigits, startWasm } from './demo.js'

/** What the page is told while a measurement goes on. */
export type BenchNews =
  | { readonly kind: 'row'; readonly section: BenchSection; readonly row: Comparison }
  | { readonly kind: 'backend'; readonly name: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }

/** The parts of the measurement. */
export type BenchSection = 'loop' | 'tf' | 'training' | 'demo'

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
const tell = (news: BenchNews): void => self.postMessage(news)

async function measure(): Promise<void> {
  for (const size of [1000, 10_000, 100_000, 1_000_000])
    tell({ kind: 'row', section: 'loop', row: await compareWithLoop(size) })
  const task = await createTask('digits')
  tell({ kind: 'row', section: 'training', row: await compareTraining(task, 40, { rounds: 5, slice: 200 }) })
  const tf = await import('@tensorflow/tfjs')
  await tf.ready()
  tell({ kind: 'backend', name: tf.getBackend() })
  for (const size of [1000, 10_000, 100_000])
    tell({ kind: 'row', section: 'tf', row: await compareWithTf(tf, size, { rounds: 5 }) })
  await startWasm(tf)
  tell({
    kind: 'row',
    section: 'demo',
    row: await compareDemo(tf, await loadDigits(), { rounds: 5, slice: 200 }),
  })
  tell({ kind: 'done' })
}

self.addEventListener('message', () => {
  measure().catch((error: unknown) => {
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  })
})
