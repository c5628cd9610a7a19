import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'

// Half of the cases take a minute; `npm run docs:table` asks all.
mountConformance(targets.wasm(), { describe, it }, { shard: '1/2' })
