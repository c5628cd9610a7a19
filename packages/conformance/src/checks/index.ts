import type { Case, CaseBody } from '../case.js'
import { probe } from '../cases/capabilities.js'
import type { Context } from '../context.js'
import { approach } from './approach.js'
import { badGradients, badNames, badParameters, badStep, oneTransformation } from './arguments.js'
import { badCheckpoint, handover, oldCheckpoint, reset, resume } from './checkpoints.js'
import { customAverage, customBase, customEmbedding, customSchedule, ownSlopes } from './custom.js'
import { customFactored } from './customFactored.js'
import { customFunctions } from './customFunctions.js'
import { customNoise } from './customNoise.js'
import { customSums } from './customSums.js'
import { lackingValues } from './lackingValues.js'
import { rateSet } from './learningRate.js'
import { namesNonFinite, noTransformation, ownData, unsaved } from './refusals.js'
import { badDefinition, factorBelowZero } from './definitions.js'
import { rateFree, refused, roundTrip } from './data.js'
import { badOption, badShape, disposed } from './errors.js'
import {
  checkpointBytes,
  disposedState,
  fixedRate,
  goldenCheckpoint,
  permutedCheckpoint,
  usedCheckpoint,
} from './files.js'
import {
  badFunction,
  badSchedule,
  badTransformation,
  customIdentity,
  customMatrices,
  customOperations,
  maskFunction,
} from './functions.js'
import { living, memory } from './memory.js'
import {
  decayAlone,
  denseSolve,
  descends,
  equal,
  factorRange,
  falling,
  independent,
  keepsGradient,
  layout,
  nuclearNorm,
  parallel,
  redescends,
  repeatable,
  stepBound,
} from './properties.js'
import { random } from './random.js'
import { reports } from './reports.js'
import { support } from './capabilities.js'
import { cappedStep, keepsWeights, promise } from './tied.js'
import { goldenTied, goldenTrajectory, plane, trajectory } from './trajectory.js'

/** The check of one kind of case: throws if the target's answer is wrong. */
type Check<K extends CaseBody['check']> = (
  context: Context,
  body: Extract<CaseBody, { readonly check: K }>,
) => Promise<void>

const checks: { readonly [K in CaseBody['check']]: Check<K> } = {
  trajectory,
  golden: goldenTrajectory,
  goldenTied,
  plane,
  equal,
  layout,
  parallel,
  factorRange,
  falling,
  redescends,
  denseSolve,
  stepBound,
  descends,
  decayAlone,
  nuclearNorm,
  repeatable,
  keepsGradient,
  independent,
  resume,
  reset,
  handover,
  oldCheckpoint,
  badCheckpoint,
  badShape,
  badOption,
  disposed,
  customBase,
  customFactored,
  customIdentity,
  customFunctions,
  customNoise,
  customSums,
  ownSlopes,
  namesNonFinite,
  noTransformation,
  unsaved,
  ownData,
  rateSet,
  lackingValues,
  customEmbedding,
  customSchedule,
  customAverage,
  refused,
  rateFree,
  roundTrip,
  approach,
  cappedStep,
  promise,
  keepsWeights,
  reports,
  badParameters,
  badNames,
  badGradients,
  badStep,
  badSchedule,
  badTransformation,
  badFunction,
  badDefinition,
  oneTransformation,
  memory,
  living,
  usedCheckpoint,
  checkpointBytes,
  permutedCheckpoint,
  goldenCheckpoint,
  fixedRate,
  disposedState,
  maskFunction,
  customOperations,
  customMatrices,
  factorBelowZero,
  random,
  support: (context, { capability }) =>
    support(context, capability, probe(capability, context.target.manifest)),
}

/** Runs the check of a case, and throws if the target's answer is wrong. */
export async function runCheck(context: Context, body: Case): Promise<void> {
  const check = checks[body.check] as Check<CaseBody['check']>
  await check(context, body)
}
