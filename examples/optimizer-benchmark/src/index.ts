export { bases } from './bases.js'
export { factors, rateFreeBases, selfTuning, tuned, variants, type Variant } from './entries.js'
export { race, type Outcome } from './race.js'
export { workloads } from './workloads/index.js'
