import { stretchedAxes } from '../lowering/arithmetic.js'
import { createContext, type Emitted, type LoweringContext } from '../rewrite/nodeContext.js'
import type { ValueType, ValueTypes } from '../rewrite/valueTypes.js'
import { dataType } from '../proto/dataType.js'
import { canonicalDomain } from '../proto/model.js'
import type { Attributes } from '../proto/node.js'
import type { NodeProto } from '../proto/onnx_pb.js'
import { own } from '../own.js'

/** The tools of a gradient rule: a node of the forward graph, and functions that add nodes to the backward one. */
export interface GradientContext extends LoweringContext {
  /**
   * The gradient of the loss with respect to an output, in its shape and type; `undefined` if the loss does not
   * depend on that output. At least one output has one.
   */
  readonly gradient: (output: number) => string | undefined
  /** Like `gradient`, for an output that must have one. Otherwise it throws ERR_NOT_SUPPORTED naming the node. */
  readonly requiredGradient: (output: number) => string
  /** Whether the gradient of an input is wanted: the input leads to a trainable parameter and has a real type. */
  readonly wants: (input: number) => boolean
  /**
   * Gives the gradient of an input, in the input's shape and type, once per wanted input. Gradients of other inputs
   * are ignored.
   */
  readonly give: (input: number, gradient: string) => void
  /**
   * The name of an output of the node in the training graph. If the node leaves it out, it is added: a mask, indices,
   * saved statistics.
   *
   * @param type its known type, if the forward model had no such value
   */
  readonly saved: (output: number, type?: ValueType) => string
  /**
   * Records the type of a value that the rule has made, for the lowering and for kernels that take extents from the
   * file.
   */
  readonly describe: (name: string, type: ValueType) => string
  /**
   * Adds a node with several outputs, some of which are wanted.
   *
   * @returns the name of each wanted output
   */
  readonly emitEach: (
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes: Attributes,
    wanted: readonly boolean[],
  ) => (string | undefined)[]
  /**
   * Sums a gradient over the axes along which a value was broadcast, and gives it that value's shape.
   *
   * @param gradient has the shape of the broadcast result
   * @param like the value
   * @param broadcast the other operand, or the result
   */
  readonly reduceTo: (gradient: string, like: string, broadcast: string) => string
  /** The shape of a value as an int64 tensor: a constant if it is known. */
  readonly shapeOf: (name: string) => string
  /** Adds ReduceSum, ReduceMean, ReduceMax or a similar operator, with the axes in the form of this opset. */
  readonly reduce: (opType: string, x: string, axes: readonly number[], keepdims?: boolean) => string
}

/** A gradient rule: gives the gradients of the wanted inputs of a node. */
export type GradientRule = (context: GradientContext) => void

/**
 * The rule of an operator that has no gradient, or one that is zero wherever it exists. The reverse walk stops there.
 */
export const noGradient: GradientRule = () => undefined

/** Finds the rule for a node in tables of rules by operator, by domain. */
export function ruleOf(
  table: Readonly<Record<string, Readonly<Record<string, GradientRule>>>>,
  { opType, domain }: NodeProto,
): GradientRule | undefined {
  const rules = own(table, canonicalDomain(domain))
  return rules && own(rules, opType)
}

/** The state of the reverse walk when it calls a node's rule. */
export interface GradientScope {
  readonly gradient: (output: number) => string | undefined
  readonly wants: (input: number) => boolean
  readonly give: (input: number, gradient: string) => void
}

/** Creates the context in which a rule runs. `saved` changes the node. */
export function createGradientContext(
  node: NodeProto,
  types: ValueTypes,
  emitted: Emitted,
  opset: number,
  scope: GradientScope,
): GradientContext {
  const context = createContext(node, types, emitted, opset)
  const { emit, emitAll, ints, typeOf } = context
  const shapeOf = (name: string): string => {
    const { shape } = typeOf(name)
    const isKnown = shape?.every((extent): extent is number => typeof extent === 'number')
    return isKnown ? ints(shape) : emit('Shape', [name])
  }
  const reduce: GradientContext['reduce'] = (opType, x, axes, keepdims = true) => {
    const since = opType === 'ReduceSum' ? 13 : 18
    const attributes = { keepdims: keepdims ? 1 : 0 }
    if (axes.length === 0) return emit('Identity', [x])
    return opset < since
      ? emit(opType, [x], { axes, ...attributes })
      : emit(opType, [x, ints(axes)], attributes)
  }
  return {
    ...context,
    ...scope,
    requiredGradient: (output) =>
      scope.gradient(output) ?? context.refuse(`the loss does not depend on its output ${output}`),
    saved(output, type) {
      while (node.output.length <= output) node.output.push('')
      if (node.output[output] === '') {
        const [first] = node.output
        const name = emitted.fresh(`${first === '' ? node.opType : first}/saved_${output}`)
        node.output[output] = name
        if (type) types.add(name, type)
      }
      return node.output[output]!
    },
    emitEach(opType, inputs, attributes, wanted) {
      const first = node.output.find((name) => name !== '') ?? node.opType
      const outputs = wanted.map((isWanted, i) =>
        isWanted ? emitted.fresh(`${first}/${opType.replace(/^.*:/, '')}_${i}`) : undefined,
      )
      emitAll(
        opType,
        inputs,
        attributes,
        outputs.slice(0, wanted.lastIndexOf(true) + 1).map((name) => name ?? ''),
      )
      return outputs
    },
    describe(name, type) {
      types.add(name, type)
      return name
    },
    reduceTo(gradient, like, broadcast) {
      const [from, to] = [typeOf(like).shape, typeOf(broadcast).shape]
      const axes = from && to && stretchedAxes(from, to)
      if (axes?.length === 0) return gradient
      if (axes) {
        // Only leading axes are missing from the value, so reshaping removes them.
        const missing = to.length - from.length
        if (missing > 0 && axes.length === missing) return reduce('ReduceSum', gradient, axes, false)
        const reduced = reduce('ReduceSum', gradient, axes)
        return missing > 0 ? emit('Reshape', [reduced, shapeOf(like)]) : reduced
      }
      const [stretched, others] = [emitted.fresh(`${like}/axes`), emitted.fresh(`${broadcast}/axes`)]
      const shape = shapeOf(like)
      emitAll('com.microsoft:BroadcastGradientArgs', [shape, shapeOf(broadcast)], {}, [stretched, others])
      const attributes = { keepdims: 1, noop_with_empty_axes: 1 }
      return emit('Reshape', [emit('ReduceSum', [gradient, stretched], attributes), shape])
    },
    shapeOf,
    reduce,
  }
}

/** Whether a value of this element type can have a gradient. An unknown type might. */
export function isReal(type: number | undefined): boolean {
  return (
    type === undefined ||
    type === dataType.float ||
    type === dataType.double ||
    type === dataType.float16 ||
    type === dataType.bfloat16
  )
}
