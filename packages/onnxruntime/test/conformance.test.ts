import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { shardOfToday } from '../../conformance/test/conformance/shard.js'
import { targets } from './conformance/targets.js'

// `npm run docs:table` asks everything.
mountConformance(await targets.node(), { describe, it }, { shard: shardOfToday(3) })
