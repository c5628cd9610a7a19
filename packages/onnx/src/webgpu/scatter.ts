import { attributeOf, intOf, stringOf } from '../proto/attribute.js'
import { dataType } from '../proto/dataType.js'
import type { Attributes } from '../proto/node.js'
import { readTensor } from '../proto/tensor.js'
import { known } from '../lowering/window.js'
import type { LoweringContext, LoweringRule } from '../rewrite/nodeContext.js'

// The provider's kernels for scattering copy their target first. When a captured graph is replayed, that copy is missing: so a
// product with one-hot rows takes their place, or their target is computed.

/** One-hot matrices of more elements than this are not made. */
const largestHot = 2 ** 24

/** Whether a value is a constant of zeros. */
function isZero({ constantOf, producerOf }: LoweringContext, name: string): boolean {
  const constant = constantOf(name)
  if (constant) return constant.every((element) => element === 0)
  const producer = producerOf(name)
  if (producer?.opType !== 'ConstantOfShape') return false
  const value = attributeOf(producer, 'value')?.t
  return !value || Number((readTensor(value).data as ArrayLike<number | bigint>)[0]) === 0
}

/** The numbers from 0, int64, in a given shape. */
function counting({ emit, int, ints }: LoweringContext, count: number, dims: readonly number[]): string {
  return emit('Reshape', [emit('Range', [int(0), int(count), int(1)]), ints(dims)])
}

/** 1 where two lists of indices agree, as numbers. */
function agreement({ emit }: LoweringContext, a: string, b: string, type: number): string {
  return emit('Cast', [emit('Equal', [a, b])], { to: type })
}

/** Data to which zeros are added, unless they are zeros themselves. */
function withData(context: LoweringContext, data: string, added: string, output: string | undefined): void {
  const { emit } = context
  if (isZero(context, data)) emit('Identity', [added], {}, output)
  else emit('Add', [data, added], {}, output)
}

/** What is scattered: data of known extents, indices and updates. */
interface Scattered {
  readonly data: string
  readonly dims: readonly number[]
  readonly indices: string
  readonly updates: string
}

/** The data of a scattering as the result of a kernel. */
function computed(context: LoweringContext, zero: string, { data, dims }: Scattered): string {
  const { emit, ints, typeOf, refuse } = context
  if (typeOf(data).dataType !== dataType.float) refuse('only data of float32 is supported')
  const zeros = emit('Expand', [zero, ints(dims)])
  return isZero(context, data) ? zeros : emit('Add', [data, zeros])
}

function scatter(
  context: LoweringContext,
  zero: string,
  opType: 'ScatterElements' | 'ScatterND',
  given: Scattered & { readonly attributes: Attributes },
  output: string | undefined,
): void {
  const { emit } = context
  const inputs = [computed(context, zero, given), given.indices, given.updates]
  emit('Add', [emit(opType, inputs, given.attributes), zero], {}, output)
}

/** Where each line has one index, the result is data + updates · onehot(indices). */
function scatterElements(context: LoweringContext, zero: () => string): void {
  const { node, emit, required, output, extentsOf, typeOf, refuse, rankOf } = context
  const [data, indices, updates] = [required(0), required(1), required(2)]
  const given = intOf(node, 'axis', 0)
  const axis = given < 0 ? given + rankOf(data) : given
  const reduction = stringOf(node, 'reduction', 'none')
  const dims = known(extentsOf(data)) ?? refuse(`the extents of ${JSON.stringify(data)} are not known`)
  const counts = typeOf(indices).shape
  const isSingle = counts?.[axis] === 1 && dims.every((extent, i) => i === axis || counts[i] === extent)
  const type = typeOf(data).dataType ?? dataType.float
  if (!isSingle || reduction !== 'add' || type !== dataType.float) {
    const attributes = { axis, reduction }
    scatter(context, zero(), 'ScatterElements', { data, dims, indices, updates, attributes }, output(0))
    return
  }
  const line = dims.map((extent, i) => (i === axis ? extent : 1))
  const hot = agreement(context, indices, counting(context, dims[axis]!, line), type)
  withData(context, data, emit('Mul', [hot, updates]), output(0))
}

/** Rows that are added to a table: data + onehot(indices)ᵀ · updates. */
function scatterND(context: LoweringContext, zero: () => string): void {
  const { node, emit, required, output, ints, extentsOf, typeOf, realTypeOf, refuse, constantOf } = context
  const [data, indices, updates] = [required(0), required(1), required(2)]
  const reduction = stringOf(node, 'reduction', 'none')
  const [dims, counts] = [known(extentsOf(data)), known(extentsOf(indices))]
  if (!dims || !counts) return void refuse('the extents of its data and indices are not known')
  if (counts.at(-1) !== 1 || reduction !== 'add' || typeOf(data).dataType !== dataType.float) {
    if (!constantOf(indices)) refuse('its indices are computed, and are not those of rows that are added')
    const given = { data, dims, indices, updates, attributes: { reduction } }
    scatter(context, zero(), 'ScatterND', given, output(0))
    return
  }
  const rows = counts.reduce((product, extent) => product * extent, 1)
  const width = dims.slice(1).reduce((product, extent) => product * extent, 1)
  const flat = emit('Reshape', [updates, ints([rows, width])])
  if (rows * dims[0]! <= largestHot) {
    const places = emit('Reshape', [indices, ints([1, rows])])
    const hot = agreement(context, places, counting(context, dims[0]!, [dims[0]!, 1]), realTypeOf(data))
    withData(context, data, emit('Reshape', [emit('MatMul', [hot, flat]), ints(dims)]), output(0))
    return
  }
  const wide = emit('Expand', [emit('Reshape', [indices, ints([rows, 1])]), ints([rows, width])])
  const given = {
    data: isZero(context, data) ? data : emit('Reshape', [data, ints([dims[0]!, width])]),
    dims: [dims[0]!, width],
    indices: wide,
    updates: flat,
    attributes: { axis: 0, reduction },
  }
  const table = dims.length === 2 ? output(0) : context.fresh(`${node.output[0]!}/rows`)
  scatter(context, zero(), 'ScatterElements', given, table)
  if (dims.length !== 2) emit('Reshape', [table, ints(dims)], {}, output(0))
}

/** Y is the second value where an index says so, and the first elsewhere. */
const oneHot: LoweringRule = (context) => {
  const { node, emit, required, output, ints, int, extentsOf, typeOf, constantOf, refuse } = context
  const [indices, values] = [required(0), required(2)]
  const depth = constantOf(required(1))?.[0]
  const counts = known(extentsOf(indices))
  if (depth === undefined || !counts)
    return void refuse('its depth and the extents of its indices must be known')
  if (typeOf(values).dataType !== dataType.float) refuse('only values of float32 are supported')
  const given = intOf(node, 'axis', -1)
  const axis = given < 0 ? given + counts.length + 1 : given
  const wide = [...counts.slice(0, axis), 1, ...counts.slice(axis)]
  const whole = emit('Cast', [emit('Reshape', [indices, ints(wide)])], { to: dataType.int64 })
  const place = emit('Where', [emit('Less', [whole, int(0)]), emit('Add', [whole, int(depth)]), whole])
  const line = wide.map((_, i) => (i === axis ? depth : 1))
  const [off, on] = [0, 1].map((at) => emit('Gather', [values, int(at)]))
  emit('Where', [emit('Equal', [place, counting(context, depth, line)]), on, off], {}, output(0))
}

/**
 * Rows of scattering.
 *
 * @param zero names the input that holds a zero, from which targets are computed
 */
export function scatterRows(zero: () => string): Readonly<Record<string, LoweringRule>> {
  return {
    ScatterElements: (context) => scatterElements(context, zero),
    ScatterND: (context) => scatterND(context, zero),
    OneHot: oneHot,
  }
}
