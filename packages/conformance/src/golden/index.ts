/**
 * Golden vectors from independent implementations, and the problems that they are of.
 *
 * @packageDocumentation
 */
import { baselines } from './baselines.js'
import { identity } from './identity.js'
import { log } from './log.js'
import { missing } from './missing.js'
import { muon } from './muon.js'
import { rms } from './rms.js'
import type { GoldenCase } from './types.js'

export { newtonSchulz } from './newtonSchulz.js'
export { smallFunctionRows, smallFunctions } from './smallFunctions.js'
export { translate, translateRow } from './translate.js'
export type { Translated } from './translate.js'
export { tied } from './tied.js'
export type { GoldenCase, GoldenMatrix, SmallFunction, SmallFunctionRow, TiedVector } from './types.js'

/** The golden trajectories, by suite. */
export const golden: Readonly<Record<string, readonly GoldenCase[]>> = {
  identity,
  log,
  rms,
  missing,
  baselines,
  muon,
}
