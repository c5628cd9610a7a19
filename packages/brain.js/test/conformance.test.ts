import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { shardOfToday } from '../../conformance/test/conformance/shard.js'
import { targets } from './conformance/targets.js'
import { versions } from './support/brain.js'

const latest = versions.at(-1)?.version

// The core's own tests ask its engines everything. `npm run docs:table` asks both lines of brain.js everything.
describe.each(Object.entries(targets))('brain.js %s', (version, make) => {
  const shard = version === latest ? shardOfToday(4) : shardOfToday(8, 1)
  mountConformance(make(), { describe, it }, { shard })
})
