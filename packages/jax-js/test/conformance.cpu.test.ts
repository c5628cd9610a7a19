import { cases, mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'

// The slower backend is asked a part of the cases that the other isn't. Random cases and long descents take as long as all others:
// `npm run docs:table` asks them, too.
const filter = cases.map(({ id }) => id).filter((id) => !/^(random|golden\/functions)\//.test(id))
mountConformance(targets.cpu(), { describe, it }, { filter, shard: '2/24' })
