export type { Lowering, LoweringContext } from './context.js'
export {
  lowerModel,
  lowerTrainingModel,
  unsupportedNodes,
  type BufferUpdate,
  type GradientOutput,
  type LoweredTrainingModel,
  type UnsupportedNode,
} from './lower.js'
export type { Extent, ValueType } from './shapes.js'
export { lowerings, type LoweringTable } from './table.js'
