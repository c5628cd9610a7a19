import { describe, it } from 'vitest'
import { mountConformance } from '../src/index.js'
import { coreTarget } from './targets/core.js'

mountConformance(coreTarget('reference'), { describe, it })
