import type { Case } from '../case.js'
import { argumentCases } from './arguments.js'
import { checkpointCases } from './checkpoint.js'
import { convexCases } from './convex.js'
import { customCases } from './custom.js'
import { edgeCases } from './edge.js'
import { errorCases } from './error.js'
import { floorCases } from './floor.js'
import { goldenCases } from './golden.js'
import { matrixCases } from './matrixBases.js'
import { optionCases } from './option.js'
import { moreEdgeCases } from './moreEdges.js'
import { moreOptionCases } from './moreOptions.js'
import { moreScheduleCases } from './moreSchedules.js'
import { plainStepCases } from './plainSteps.js'
import { propertyCases } from './property.js'
import { randomCases } from './random.js'
import { rateFreeCases } from './rateFree.js'
import { scheduleCases } from './schedules.js'
import { growthCases } from './growth.js'
import { startCases } from './start.js'
import { stateCases } from './states.js'
import { stepCases } from './step.js'
import { supportCases } from './capabilities.js'
import { tiedCases } from './tied.js'
import { wrapperCases } from './wrappers.js'
import { wrongDataCases } from './wrongData.js'

/** Increases with every case that is added or withdrawn. */
export const casesVersion = 6

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
  ...growthCases,
  ...rateFreeCases,
  ...convexCases,
  ...scheduleCases,
  ...matrixCases,
  ...wrapperCases,
  ...argumentCases,
  ...wrongDataCases,
  ...moreOptionCases,
  ...moreScheduleCases,
  ...moreEdgeCases,
  ...stateCases,
  ...plainStepCases,
]
