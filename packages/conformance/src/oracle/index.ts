export { createOracle, OracleError } from './oracle.js'
export type { Oracle, OracleParameter, OracleReport, OracleUnitReport } from './oracle.js'
export { newtonSchulz } from './newtonSchulz.js'
export { valueAt } from './schedules.js'
