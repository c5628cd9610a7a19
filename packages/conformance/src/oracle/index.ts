/**
 * The oracle of the suite: the update rules once more, in plain loops that share no code with the core.
 *
 * @packageDocumentation
 */
export { createOracle, OracleError } from './oracle.js'
export type { Oracle, OracleParameter, OracleReport, OracleUnitReport } from './oracle.js'
export { newtonSchulz } from './newtonSchulz.js'
export { valueAt } from './schedules.js'
