import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'

for (const make of Object.values(targets)) mountConformance(make(), { describe, it })
