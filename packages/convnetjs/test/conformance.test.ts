import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { shardOfToday } from '../../conformance/test/conformance/shard.js'
import { targets } from './conformance/targets.js'

// The core's own tests ask its engines everything, and `npm run docs:table` this adapter.
for (const make of Object.values(targets))
  mountConformance(make(), { describe, it }, { shard: shardOfToday(4, 1) })
