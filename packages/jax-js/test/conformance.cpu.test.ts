import { cases, mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { targets } from './conformance/targets.js'

// This backend takes two minutes, half of them over float64, which CI runs too. Random cases and long descents take as
// long again: `npm run docs:table` runs those.
const left = process.env['CI'] ? /^(random|golden\/functions)\// : /^(random|golden\/functions)\/|\/f64\//
const filter = cases.map(({ id }) => id).filter((id) => !left.test(id))
mountConformance(targets.cpu(), { describe, it }, { filter })
