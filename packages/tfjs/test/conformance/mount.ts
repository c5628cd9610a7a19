import * as tf from '@tensorflow/tfjs'
import { mountConformance } from '@induced-metric/conformance'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeModes, type Mode } from '../backends.js'
import { memory } from '../support.js'
import { tfjsTarget } from './target.js'

/** Mounts the suite on a backend, for every way in which the optimiser works on it. */
export function mountOn(wanted: Mode['backend']): void {
  describeModes(({ backend, options, shard }) => {
    let before: ReturnType<typeof memory>
    beforeAll(() => {
      before = memory()
    })
    // After all cases, whose steps were skipped or failed in every possible way.
    afterAll(() => expect(memory()).toEqual(before))

    mountConformance(tfjsTarget(tf, { backend, ...options }), { describe, it }, { shard })
  }, wanted)
}
