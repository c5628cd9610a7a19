import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'
import { versions } from './support/brain.js'

const latest = versions.at(-1)?.version

// Both lines of brain.js are asked everything by `npm run docs:table`.
describe.each(Object.entries(targets))('brain.js %s', (version, make) => {
  mountConformance(make(), { describe, it }, version === latest ? {} : { shard: '1/3' })
})
