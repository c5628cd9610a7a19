import fc from 'fast-check'
import { lowerModel } from '../../src/lowering/index.js'
import { elementTypeOf, type AttributeValue, type Model } from '../../src/proto/index.js'
import { runModel, type PlainTensor } from '../run.js'
import {
  checkGradients,
  gradientModel,
  single,
  type CheckOptions,
  type Operand,
  type Tensor,
} from './harness.js'

// Shapes for the tests of rules, and the ways in which models declare them.

/** The oldest version of ONNX's operators, one between, and the newest. */
export const opsets = fc.constantFrom(13, 17, 22)

/** Extents of a tensor. */
export function dims(ranks: { min?: number; max?: number } = {}, longest = 3): fc.Arbitrary<number[]> {
  const { min = 0, max = 3 } = ranks
  return fc.array(fc.integer({ min: 1, max: longest }), { minLength: min, maxLength: max })
}

/** Extents of operands that broadcast to one shape: leading axes may be missing, and others 1. */
export function stretched(count: number, longest = 3): fc.Arbitrary<number[][]> {
  return dims({ max: 3 }, longest).chain((whole) =>
    fc.array(
      fc
        .tuple(
          fc.integer({ min: 0, max: whole.length }),
          fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
        )
        .map(([missing, ones]) => whole.slice(missing).map((extent, i) => (ones[i] ? 1 : extent))),
      { minLength: count, maxLength: count },
    ),
  )
}

/**
 * How a model declares its extents: as they are; by symbols, the same for equal ones; or each by a symbol of its own.
 */
export const symbolics = fc.constantFrom('known', 'first', 'equal', 'own')
export type Symbolic = 'known' | 'first' | 'equal' | 'own'

/** The extents of an input as the model declares them. */
function say(given: readonly number[], how: Symbolic, name: string): (number | string)[] {
  return given.map((extent, axis) => {
    if (how === 'known' || (how === 'first' && axis > 0)) return extent
    return how === 'own' ? `${name}${axis}` : `n${extent}`
  })
}

/** An axis of a tensor, counted from either end. */
export function axisOf(rank: number): fc.Arbitrary<number> {
  return fc.integer({ min: -rank, max: rank - 1 })
}

/** Some axes of a tensor, counted from either end. */
export function axesOf(rank: number): fc.Arbitrary<number[]> {
  return fc
    .subarray(Array.from({ length: rank }, (_, axis) => axis))
    .chain((axes) =>
      fc
        .array(fc.boolean(), { minLength: axes.length, maxLength: axes.length })
        .map((backwards) => axes.map((axis, i) => (backwards[i] ? axis - rank : axis))),
    )
}

/** The seed of the drawn cases: the same in every run, another with FAST_CHECK_SEED. */
const seed = Number(process.env['FAST_CHECK_SEED'] ?? 2509)

/** Runs a check for drawn cases. */
export async function forAll<T>(
  cases: fc.Arbitrary<T>,
  check: (given: T) => Promise<void>,
  numRuns: number,
): Promise<void> {
  await fc.assert(fc.asyncProperty(cases, check), runs(numRuns))
}

/** The number of cases drawn for a property, and their seed. */
export function runs(numRuns: number): { numRuns: number; seed: number } {
  return { numRuns, seed }
}

/** Checks the gradients of one node, on drawn inputs. */
export async function checkNode(
  opType: string,
  inputs: Readonly<Record<string, Tensor>>,
  options: CheckOptions & {
    readonly attributes?: Readonly<Record<string, AttributeValue>>
    readonly constants?: Readonly<Record<string, Operand>>
    readonly opset?: number
    readonly outputs?: readonly string[]
    readonly symbolic?: Symbolic
    /** The node's inputs in order, if not the given ones and then the constants. */
    readonly order?: readonly string[]
  } = {},
): Promise<void> {
  const { attributes, constants = {}, symbolic = 'known', order, opset, outputs, ...rest } = options
  const said = Object.fromEntries(
    Object.entries(inputs).map(([name, { dims: extents, dataType: type }]) => [
      name,
      { dims: say(extents, symbolic, name), type },
    ]),
  )
  const all: Record<string, Operand> = { ...said, ...constants }
  const names = order ?? Object.keys(all)
  const shape = { ...(opset !== undefined && { opset }), ...(outputs && { outputs }) }
  const operands = names.map((name) => [name, all[name]] as const)
  await checkGradients(single(opType, operands, attributes, shape), inputs, rest)
}

/** The gradients of a model's inputs, for given weights of its outputs. */
export async function gradientsOf(
  forward: Model,
  inputs: Readonly<Record<string, Tensor>>,
  weights: Readonly<Record<string, Tensor>>,
  wanted: readonly string[] = Object.keys(inputs),
): Promise<Record<string, number[]>> {
  const lowered = lowerModel(await gradientModel(forward, weights, wanted))
  const plain = Object.entries(inputs).map(([name, { dims: extents, dataType: type, data }]) => [
    name,
    { type: elementTypeOf(type).name, dims: extents, data: Array.from(data as ArrayLike<number>, Number) },
  ])
  const results = await runModel(lowered, Object.fromEntries(plain) as Record<string, PlainTensor>)
  return Object.fromEntries(wanted.map((name) => [name, results[`${name}/gradient`]!.data]))
}
