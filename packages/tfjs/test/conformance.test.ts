import * as tf from '@tensorflow/tfjs'
import { runConformance } from '@induced-metric/conformance'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { target } from './conformance/node.js'

// The suite itself is in conformance.cpu.test.ts and conformance.wasm.test.ts, and that of GPUs in tfjs.browser.test.ts.

describe('the module for the command', () => {
  afterEach(() => vi.unstubAllEnvs())

  it.each(['cpu', 'wasm'])('makes a target on %s', async (backend) => {
    vi.stubEnv('TFJS_BACKEND', backend)
    const { manifest, totals } = await runConformance(await target(), { filter: 'step/adam/f32/0001' })
    expect(manifest.backend).toBe(backend)
    expect(tf.getBackend()).toBe(backend)
    expect(totals.passed).toBe(1)
  })

  it('says which backend there is not', async () => {
    vi.stubEnv('TFJS_BACKEND', 'abacus')
    await expect(target()).rejects.toThrow(/abacus/)
  })
})
