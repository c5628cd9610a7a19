import { mountConformance } from '@induced-metric/conformance'
import { describe, it } from 'vitest'
import { whatIsToFillIn } from './support/filledIn.js'
import { targets } from './conformance/targets.js'

for (const [name, make] of Object.entries(targets)) {
  const target = make()
  const missing = await whatIsToFillIn(target)
  // One red test until the functions are written, rather than one for each case.
  if (missing === undefined) mountConformance(target, { describe, it })
  else {
    it(`${name} is filled in`, () => {
      throw missing
    })
  }
}
