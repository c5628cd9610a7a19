import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { target } from './conformance/node.js'

mountConformance(target, { describe, it })
