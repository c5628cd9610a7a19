import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'

mountConformance(targets.wasm(), { describe, it })
