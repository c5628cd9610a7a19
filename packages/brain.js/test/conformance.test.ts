import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { attachRecurrent } from '../src/recurrent.js'
import { brainTarget } from './conformance/target.js'
import { versions } from './support/brain.js'

describe.each(versions)('brain.js $version', (version) => {
  mountConformance(brainTarget(version, attachRecurrent), { describe, it })
})
