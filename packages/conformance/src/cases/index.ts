import type { Case } from '../case.js'
import { checkpointCases } from './checkpoint.js'
import { edgeCases } from './edge.js'
import { errorCases } from './error.js'
import { optionCases } from './option.js'
import { customCases, goldenCases, randomCases } from './others.js'
import { propertyCases } from './property.js'
import { stepCases } from './step.js'
import { supportCases } from './support.js'

/** Grows with every case that is added or withdrawn. */
export const casesVersion = 1

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
]
