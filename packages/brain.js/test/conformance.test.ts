import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'

describe.each(Object.entries(targets))('brain.js %s', (_, make) => {
  mountConformance(make(), { describe, it })
})
