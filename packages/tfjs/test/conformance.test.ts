import * as tf from '@tensorflow/tfjs'
import { runConformance } from '@induced-metric/conformance'
import { describe, expect, it } from 'vitest'
import { targets } from './conformance/targets.js'

// The suite itself runs in conformance.cpu.test.ts and conformance.wasm.test.ts, and on GPUs in backends.browser.test.ts.

describe('the module for the command', () => {
  it.each(['cpu', 'wasm'] as const)('makes a target on %s', async (backend) => {
    const { manifest, totals } = await runConformance(await targets[backend](), {
      filter: 'step/adam/f32/0001',
    })
    expect(manifest.backend).toBe(backend)
    expect(tf.getBackend()).toBe(backend)
    expect(totals.passed).toBe(1)
  })
})
