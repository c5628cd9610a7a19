import { cases, mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'

// This backend takes two minutes over cases in float64, random cases and long descents. `npm run docs:table` runs those, too.
const filter = cases.map(({ id }) => id).filter((id) => !/^(random|golden\/functions)\/|\/f64\//.test(id))
mountConformance(targets.cpu(), { describe, it }, { filter })
