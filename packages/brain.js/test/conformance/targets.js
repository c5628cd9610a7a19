/** The adapter on both lines of brain.js, for the table, the tests across adapters and `induced-conformance`. */
import { attachRecurrent } from '#recurrent'
import { versions } from '../support/brain.js'
import { brainTarget } from './target.js'

export const targets = Object.fromEntries(
  versions.map((version) => [version.version, () => brainTarget(version, attachRecurrent)]),
)
