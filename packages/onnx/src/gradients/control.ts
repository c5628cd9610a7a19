import { dataType } from '../proto/dataType.js'
import type { GradientRule } from './context.js'

const refusals = new WeakSet<GradientRule>()

function refused(reason: string): GradientRule {
  const rule: GradientRule = ({ refuse }) => refuse(reason)
  refusals.add(rule)
  return rule
}

/** Whether a rule exists only to say why there is no gradient. */
export function isRefusal(rule: GradientRule): boolean {
  return refusals.has(rule)
}

/** The same reason for several operators. */
function each(reason: string, ...operators: readonly string[]): Record<string, GradientRule> {
  return Object.fromEntries(operators.map((opType) => [opType, refused(reason)]))
}

/** The reason why there are no gradients of If, Loop and Scan, and the ways around them. */
export const throughControlFlow =
  'no gradients pass through control flow; compute the loss from a value before it (outputNames), fix the inputs that ' +
  'decide it (bind, inputs), freeze what it depends on, or export the model without it (torch.onnx.export of a traced model unrolls loops and keeps the branch ' +
  'that was taken)'

export const control: Readonly<Record<string, GradientRule>> = {
  /** Each element's gradient goes to the operand it was taken from. */
  Where({ node, emit, give, wants, required, requiredGradient, reals, realTypeOf, reduceTo }) {
    const [dY, condition, a, b] = [requiredGradient(0), required(0), required(1), required(2)]
    const result = node.output[0]!
    const zero = reals([0], realTypeOf(a, b, dY))
    if (wants(1)) give(1, reduceTo(emit('Where', [condition, dY, zero]), a, result))
    if (wants(2)) give(2, reduceTo(emit('Where', [condition, zero, dY]), b, result))
  },
  Dropout({ node, emit, give, input, requiredGradient, constantOf, saved, typeOf }) {
    const dY = requiredGradient(0)
    const [ratio, training] = [input(1), input(2)]
    const isTraining = training === undefined ? [0] : constantOf(training)
    const rate = ratio === undefined ? [0.5] : constantOf(ratio)
    if (isTraining?.[0] === 0 || rate?.[0] === 0) {
      give(0, dY)
      return
    }
    const mask = saved(1, { dataType: dataType.bool, shape: typeOf(node.output[0]!).shape })
    const kept = emit('com.microsoft:DropoutGrad', [dY, mask, ratio])
    // The training build's DropoutGrad scales even outside training.
    give(0, isTraining ? kept : emit('Where', [training, kept, dY]))
  },
  // Where their graphs are known, the reverse walk goes through them itself.
  If: ({ refuse }) => refuse(throughControlFlow),
  Loop: ({ refuse }) => refuse(throughControlFlow),
  Scan: ({ refuse }) => refuse(throughControlFlow),
  ...each(
    'no gradients pass through sequences and optional values; export the model with tensors only (Concat and Split in ' +
      'place of sequences)',
    'ConcatFromSequence',
    'Optional',
    'OptionalGetElement',
    'SequenceAt',
    'SequenceConstruct',
    'SequenceErase',
    'SequenceInsert',
    'SequenceMap',
    'SplitToSequence',
  ),
}
