import { describe, it } from 'vitest'
import { mountConformance } from '../src/index.js'
import { targets } from './conformance/targets.js'

for (const make of Object.values(targets)) mountConformance(make(), { describe, it })
