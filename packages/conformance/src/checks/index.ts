import type { Case } from '../case.js'
import { probe } from '../cases/capabilities.js'
import type { Context } from '../context.js'
import { approach } from './approach.js'
import { badCheckpoint, handover, oldCheckpoint, resume } from './checkpoints.js'
import { customAverage, customBase, customEmbedding, customSchedule } from './custom.js'
import { rateFree, refused, roundTrip } from './data.js'
import { badOption, badShape, disposed } from './errors.js'
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
import { support } from './capabilities.js'
import { cappedStep, keepsWeights, promise } from './tied.js'
import { goldenTied, goldenTrajectory, plane, trajectory } from './trajectory.js'

/** Runs the check of a case, and throws if the target's answer is wrong. */
export async function runCheck(context: Context, body: Case): Promise<void> {
  switch (body.check) {
    case 'trajectory':
      return trajectory(context, body)
    case 'golden':
      return goldenTrajectory(context, body)
    case 'goldenTied':
      return goldenTied(context, body)
    case 'plane':
      return plane(context, body)
    case 'equal':
      return equal(context, body)
    case 'layout':
      return layout(context, body)
    case 'parallel':
      return parallel(context, body)
    case 'factorRange':
      return factorRange(context, body)
    case 'falling':
      return falling(context, body)
    case 'redescends':
      return redescends(context, body)
    case 'denseSolve':
      return denseSolve(context, body)
    case 'stepBound':
      return stepBound(context, body)
    case 'descends':
      return descends(context, body)
    case 'decayAlone':
      return decayAlone(context, body)
    case 'nuclearNorm':
      return nuclearNorm(context, body)
    case 'repeatable':
      return repeatable(context, body)
    case 'keepsGradient':
      return keepsGradient(context, body)
    case 'independent':
      return independent(context, body)
    case 'resume':
      return resume(context, body)
    case 'handover':
      return handover(context, body)
    case 'oldCheckpoint':
      return oldCheckpoint(context, body)
    case 'badCheckpoint':
      return badCheckpoint(context, body)
    case 'badShape':
      return badShape(context, body)
    case 'badOption':
      return badOption(context, body)
    case 'disposed':
      return disposed(context, body)
    case 'customBase':
      return customBase(context, body)
    case 'customEmbedding':
      return customEmbedding(context, body)
    case 'customSchedule':
      return customSchedule(context, body)
    case 'customAverage':
      return customAverage(context, body)
    case 'refused':
      return refused(context, body)
    case 'rateFree':
      return rateFree(context, body)
    case 'roundTrip':
      return roundTrip(context, body)
    case 'approach':
      return approach(context, body)
    case 'cappedStep':
      return cappedStep(context, body)
    case 'promise':
      return promise(context, body)
    case 'keepsWeights':
      return keepsWeights(context, body)
    case 'support':
      return support(context, body.capability, probe(body.capability, context.target.manifest))
    case 'random':
      return random(context, body)
  }
}
