import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { target } from './conformance/target.js'

mountConformance(target, { describe, it })
