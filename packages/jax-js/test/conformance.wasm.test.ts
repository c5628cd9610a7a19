import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { shardOfToday } from '../../conformance/test/conformance/shard.js'
import { targets } from './conformance/targets.js'

// jax-js compiles a function for each optimiser anew, 50 ms a case: `npm run docs:table` asks all.
mountConformance(targets.wasm(), { describe, it }, { shard: shardOfToday(16) })
