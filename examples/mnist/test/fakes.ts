import { Writable } from 'node:stream'

import { settings } from '../src/settings.js'
import type { Framework, TrainingJob } from '../src/training/framework.js'
import type { Run } from '../src/training/run.js'

/** A stream that keeps what is written to it. */
export class Sink extends Writable {
  text = ''
  isTTY = false
  columns = 80

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }

  // The members of a terminal that cli-progress uses.
  cursorTo(): boolean {
    return true
  }
}

/** A framework with made-up figures. */
export function fakeFramework(overrides: Partial<Framework> = {}): Framework {
  return {
    id: 'fake',
    title: 'Fake framework',
    available: () => Promise.resolve({ ok: true, detail: 'Fake framework 1.0' }),
    train: (job) => pretend(job),
    ...overrides,
  }
}

async function pretend({ batches, epochs, signal, onStep, onEpoch }: TrainingJob): Promise<void> {
  onEpoch({ epoch: 0, testLoss: 2.3, testAccuracy: 0.1 })
  let step = 0
  for (let epoch = 1; epoch <= epochs; epoch++) {
    while (step < epoch * batches.length) {
      if (signal.aborted) return
      step++
      onStep({ step, loss: 1 / step, accuracy: 1 - 0.5 / step, scale: 0.9, dualNorm: 0.5 })
      await Promise.resolve()
    }
    onEpoch({ epoch, testLoss: 1 / step, testAccuracy: 1 - 0.1 / epoch })
  }
}

/** Runs of every setting with made-up figures, three epochs of eight steps. */
export function fakeRuns(overrides: Partial<Run> = {}): Run[] {
  return settings.map((setting) => {
    const metric = setting.stock === undefined
    return {
      framework: { id: 'fake', title: 'Fake framework' },
      setting,
      steps: Array.from({ length: 24 }, (_, place) => ({
        step: place + 1,
        loss: 2 / (place + 1),
        accuracy: 1 - 0.9 / (place + 1),
        scale: metric ? 0.95 : null,
        dualNorm: metric ? 1 / (place + 1) : null,
      })),
      epochs: [0, 1, 2, 3].map((epoch) => ({
        epoch,
        testLoss: 2 / (epoch + 1),
        testAccuracy: 1 - 0.9 / (epoch + 1),
      })),
      seconds: 1.5,
      complete: true,
      ...overrides,
    }
  })
}

/** Every control code that a terminal acts on, except line ends. */
// oxlint-disable-next-line no-control-regex
export const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/
