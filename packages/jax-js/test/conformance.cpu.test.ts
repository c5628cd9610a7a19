import { cases, mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'

// This backend takes a minute over what is drawn at random and over long descents: `npm run docs:table` runs those, too.
const filter = cases.map(({ id }) => id).filter((id) => !/^(random|golden\/functions)\//.test(id))
mountConformance(targets.cpu(), { describe, it }, { filter })
