import type { Case } from '../case.js'
import { checkpointCases } from './checkpoint.js'
import { convexCases } from './convex.js'
import { edgeCases } from './edge.js'
import { errorCases } from './error.js'
import { floorCases } from './floor.js'
import { optionCases } from './option.js'
import { customCases, goldenCases, randomCases } from './custom.js'
import { propertyCases } from './property.js'
import { rateFreeCases } from './rateFree.js'
import { startCases } from './start.js'
import { stepCases } from './step.js'
import { supportCases } from './capabilities.js'
import { tiedCases } from './tied.js'

/** Grows with every case that is added or withdrawn. */
export const casesVersion = 3

/** All cases, by family. */
export const cases: readonly Case[] = [
  ...supportCases,
  ...stepCases,
  ...optionCases,
  ...propertyCases,
  ...edgeCases,
  ...errorCases,
  ...checkpointCases,
  ...customCases,
  ...goldenCases,
  ...randomCases,
  ...tiedCases,
  ...floorCases,
  ...startCases,
  ...rateFreeCases,
  ...convexCases,
]
