import { cases, mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { shardOfToday } from '../../conformance/test/conformance/shard.js'
import { targets } from './conformance/targets.js'

// The slower backend is asked less. Random cases and long descents take as long as all others: `npm run docs:table` asks them, too.
const filter = cases.map(({ id }) => id).filter((id) => !/^(random|golden\/functions)\//.test(id))
mountConformance(targets.cpu(), { describe, it }, { filter, shard: shardOfToday(48, 1) })
