import { describe, it } from 'vitest'
import { mountConformance } from '../src/index.js'
import { coreTarget } from './targets/core.js'

for (const engine of ['reference', 'wasm'] as const) mountConformance(coreTarget(engine), { describe, it })
