import * as tf from '@tensorflow/tfjs'
import { mountConformance } from '@induced-metric/conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeModes } from './backends.js'
import { tfjsTarget } from './conformance/target.js'
import { memory } from './support.js'

describeModes(({ backend, options }) => {
  let before: ReturnType<typeof memory>
  beforeAll(() => {
    before = memory()
  })
  // After all cases, with steps that were skipped or failed in every way there is.
  afterAll(() => expect(memory()).toEqual(before))

  mountConformance(tfjsTarget(tf, { backend, ...options }), { describe, it })
})
