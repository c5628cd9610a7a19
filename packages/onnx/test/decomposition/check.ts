import { expect } from 'vitest'
import { decomposeModel } from '../../src/decomposition/decompose.js'
import {
  dataType,
  elementTypeOf,
  type AttributeValue,
  type Model,
  type NodeProto,
} from '../../src/proto/index.js'
import { checkGradients, single, type Operand, type Tensor } from '../gradients/harness.js'
import { relativeError, runModel, type PlainTensor } from '../run.js'

/** An operand of a node: fed, or `undefined` if the node leaves it out. */
export type Operands = readonly (readonly [string, Tensor | undefined])[]

export interface DecompositionCheck {
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  readonly outputs?: readonly string[]
  readonly opset?: number
  /** The inputs whose gradients are checked. Default: all of a real type. None: only the outputs are compared. */
  readonly wanted?: readonly string[]
  /** Inputs that are constants of the model. */
  readonly constants?: readonly string[]
  /** The operands of the kernel, if it has none for those of the decomposition. */
  readonly kernel?: Operands
  /** Changes the node, for attributes of a kind that no builder of this package writes. */
  readonly change?: (node: NodeProto) => void
  /** Whether the model leaves the extents of its first two axes open. */
  readonly symbolic?: boolean
  /** Changes outputs before they are compared, for those that the kernel leaves undefined in part. */
  readonly defined?: (output: string, data: readonly number[]) => readonly number[]
}

function modelOf(opType: string, operands: Operands, type: number, check: DecompositionCheck): Model {
  const { attributes = {}, outputs = ['y'], opset = 17, constants = [], symbolic = false } = check
  const given = operands.map(([name, tensor], i): readonly [string, Operand | undefined] => {
    if (!tensor) return ['', undefined]
    const isReal = tensor.dataType === dataType.double
    const isConstant = constants.includes(name)
    const dims = tensor.dims.map((extent, axis) =>
      symbolic && !isConstant && axis < Math.min(2, tensor.dims.length - 1) ? `i${i}_${axis}` : extent,
    )
    return [
      name,
      {
        dims,
        type: isReal ? type : tensor.dataType,
        ...(isConstant && { data: Array.from(tensor.data as ArrayLike<number | bigint>, Number) }),
      },
    ]
  })
  const made = single(opType, given, attributes, { opset, outputs })
  check.change?.(made.graph.node[0]!)
  return made
}

/**
 * Checks a decomposition: its outputs in float against the kernel's own, to 1e-5, and its gradients in double against
 * finite differences, to 1e-6.
 *
 * @param operands the node's inputs in order; real ones are given in double
 */
export async function checkDecomposition(
  opType: string,
  operands: Operands,
  check: DecompositionCheck = {},
): Promise<void> {
  const { constants = [], wanted, defined = (_, data) => data } = check
  const fed = Object.fromEntries(
    operands.flatMap(([name, tensor]) => (tensor && !constants.includes(name) ? [[name, tensor]] : [])),
  )
  const kernel = modelOf(opType, check.kernel ?? operands, dataType.float, check)
  const written = decomposeModel(modelOf(opType, operands, dataType.float, check))
  const left = written.graph.node.map((node) => (node.domain === '' ? '' : `${node.domain}:`) + node.opType)
  expect(left).not.toContain(opType)
  const expected = await runModel(kernel, feedsOf(check.kernel ?? operands, constants), 'disabled')
  const found = await runModel(written, feedsOf(operands, constants))
  for (const [name, { dims, data }] of Object.entries(expected)) {
    expect(found[name]!.dims, name).toEqual(dims)
    const [ours, theirs] = [defined(name, found[name]!.data), defined(name, data)]
    expect(
      relativeError(ours, theirs),
      `${name}: ${ours.slice(0, 8).join()} against ${theirs.slice(0, 8).join()}`,
    ).toBeLessThan(1e-5)
  }
  if (wanted?.length === 0) return
  const doubled = decomposeModel(modelOf(opType, operands, dataType.double, check))
  await checkGradients(doubled, fed, wanted ? { wanted } : {})
}

/** The operands that are fed, in float. */
function feedsOf(operands: Operands, constants: readonly string[]): Record<string, PlainTensor> {
  return Object.fromEntries(
    operands.flatMap(([name, tensor]) => {
      if (!tensor || constants.includes(name)) return []
      const { dims, dataType: type, data } = tensor
      const plain = {
        type: type === dataType.double ? 'float32' : elementTypeOf(type).name,
        dims,
        data: Array.from(data as ArrayLike<number | bigint>, Number),
      }
      return [[name, plain] as const]
    }),
  )
}
