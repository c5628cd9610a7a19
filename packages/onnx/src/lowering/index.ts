export type { LoweringRule, LoweringContext } from '../rewrite/nodeContext.js'
export {
  lowerModel,
  lowerTrainingModel,
  unsupportedNodes,
  type BufferUpdate,
  type GradientOutput,
  type LoweredTrainingModel,
  type UnsupportedNode,
} from './lower.js'
export type { Extent, ValueType } from '../rewrite/valueTypes.js'
export { lowerings, type LoweringTable } from './table.js'
