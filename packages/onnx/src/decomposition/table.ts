import type { LoweringTable } from '../lowering/table.js'
import { attentions } from './attention.js'
import { fused } from './fused.js'
import { grouped } from './grouped.js'
import { onnxAttention } from './onnxAttention.js'
import { linear } from './quantized.js'
import { onnxRotary, rotary } from './rotary.js'

/**
 * Rows for operators that a runtime has as one kernel, and that are written out in primitive operators before they are
 * differentiated.
 */
export const decompositions: LoweringTable = {
  '': { ...onnxAttention, ...onnxRotary, ...linear },
  'com.microsoft': { ...attentions, ...fused, ...grouped, ...rotary },
}
