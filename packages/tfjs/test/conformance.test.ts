import * as tf from '@tensorflow/tfjs'
import { mountConformance } from '@induced-metric/conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeBackends, useBackend, verdicts } from './backends.js'
import { tfjsTarget } from './conformance/target.js'

for (const backend of nodeBackends) {
  for (const verdict of verdicts) {
    describe(`the verdict on the ${verdict}`, () => {
      let before: { numTensors: number; numDataBuffers: number }
      beforeAll(async () => {
        await useBackend(backend)
        before = { ...tf.memory() }
      })
      mountConformance(tfjsTarget(tf, { backend, verdict }), { describe, it })
      // After a thousand cases, with steps that were skipped or failed in every way there is.
      afterAll(() => {
        const { numTensors, numDataBuffers } = tf.memory()
        expect({ numTensors, numDataBuffers }).toEqual({
          numTensors: before.numTensors,
          numDataBuffers: before.numDataBuffers,
        })
      })
    })
  }
}
