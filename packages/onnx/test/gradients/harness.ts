import { clone } from '@bufbuild/protobuf'
import * as ort from 'onnxruntime-node'
import { expect } from 'vitest'
import { addGradients } from '../../src/gradients/backward.js'
import { describeBodies, hasBody } from '../../src/inference/bodies.js'
import { inferTypes } from '../../src/inference/runtimeTypes.js'
import { valueTypes, type ValueTypes } from '../../src/rewrite/valueTypes.js'
import type { GradientTable } from '../../src/gradients/table.js'
import { lowerModel } from '../../src/lowering/index.js'
import {
  createTensor,
  dataType,
  elementTypeOf,
  ModelProtoSchema,
  opsetOf,
  readTensor,
  writeModel,
  type AttributeValue,
  type GraphProto,
  type Model,
  type TensorProto,
} from '../../src/proto/index.js'
import type { NamedTensor, TensorData } from '../../src/proto/tensorData.js'
import { model, node, value } from '../builder.js'
import { startGenuine, type Genuine } from '../genuine/runtime.js'
import { relativeError } from '../run.js'

// The test of gradient rules: the gradient graph of a model, run on the stock runtime, against central finite
// differences of the model itself.

/** A tensor without a name. */
export type Tensor = Omit<NamedTensor, 'name'>

export interface CheckOptions {
  /** The inputs whose gradients are checked. Default: all of a real type. */
  readonly wanted?: readonly string[]
  /**
   * `'double'` (default): relative L2 error at most 1e-6. `'float'`, if the runtime has no double kernel: the
   * gradient of the float run, 1e-5, against differences of `reference`; or, if the model is linear in each of its
   * inputs between steps of `step`, of the model itself.
   */
  readonly precision?: 'double' | 'float'
  /** Computes the outputs of the model in double precision, in the order of the graph's outputs. */
  readonly reference?: (inputs: Readonly<Record<string, Float64Array>>) => readonly ArrayLike<number>[]
  /** The bounds of the outputs' weights in the loss. Default -2 and 2. */
  readonly weights?: { readonly low?: number; readonly high?: number }
  /** The step of finite differences to either side. Default 1e-5. */
  readonly step?: number
  /** Also run the gradient graph, in float, in the genuine training runtime, if it is installed (1e-5). */
  readonly genuine?: boolean
  /** Rules that replace the built-in ones. */
  readonly gradients?: GradientTable
}

/** An input or constant of a model of one node. */
export interface Operand {
  /** Its extents; symbols stay unknown to the rule. */
  readonly dims: readonly (number | string)[]
  /** Its element type. Default double. */
  readonly type?: number
  /** Its elements, which make it a constant of the model. */
  readonly data?: readonly number[]
}

/**
 * A model of one node. An operand named `''` is one that the node leaves out.
 *
 * @param opType an operator of ONNX, or `domain:operator`
 * @param options `outputs`: the names of its outputs (default `['y']`), `opset` (default 17)
 */
export function single(
  opType: string,
  inputs: Readonly<Record<string, Operand>> | readonly (readonly [string, Operand | undefined])[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  options: { readonly opset?: number; readonly outputs?: readonly string[] } = {},
): Model {
  const { opset = 17, outputs = ['y'] } = options
  const operands = Array.isArray(inputs)
    ? (inputs as readonly (readonly [string, Operand | undefined])[])
    : Object.entries(inputs as Readonly<Record<string, Operand>>)
  return composed(
    [
      node(
        opType,
        operands.map(([name]) => name),
        outputs,
        attributes,
      ),
    ],
    Object.fromEntries(operands.flatMap(([name, operand]) => (operand ? [[name, operand]] : []))),
    outputs.filter((name) => name !== ''),
    opset,
  )
}

/** A model of several nodes. The types of its outputs are left to the runtime. */
export function composed(
  nodes: readonly ReturnType<typeof node>[],
  inputs: Readonly<Record<string, Operand>>,
  outputs: readonly string[],
  opset = 17,
): Model {
  const entries = Object.entries(inputs)
  const made = model(
    nodes,
    entries
      .filter(([, { data }]) => data === undefined)
      .map(([name, { dims, type = dataType.double }]) => value(name, type, dims)),
    outputs.map((name) => value(name, dataType.undefined, [])),
    entries
      .filter(([, { data }]) => data !== undefined)
      .map(([name, { dims, type = dataType.double, data }]) => {
        return createTensor(name, dims as readonly number[], type, dataOf(type, data!))
      }),
    opset,
  )
  for (const output of made.graph.output) delete output.type
  // The version of the file's format that goes with the operators.
  made.irVersion = opset >= 21 ? 10n : 8n
  return made
}

/** The elements of a tensor of a type. */
function dataOf(type: number, values: readonly number[]): TensorData {
  const made = new (elementTypeOf(type).array as unknown as new (length: number) => TensorData)(values.length)
  values.forEach((given, i) => {
    made[i] = type === dataType.int64 || type === dataType.uint64 ? BigInt(given) : given
  })
  return made
}

/** A tensor of numbers. */
export function tensor(
  dims: readonly number[],
  values: readonly number[],
  type: number = dataType.double,
): Tensor {
  return { dims, dataType: type, data: dataOf(type, values) }
}

/**
 * Random-looking numbers, the same every time for a seed.
 *
 * @param options `low` and `high`: bounds; `away`: numbers to keep a distance of 0.02 from (kinks)
 */
export function drawn(
  dims: readonly number[],
  seed: number,
  options: {
    readonly low?: number
    readonly high?: number
    readonly away?: readonly number[]
    readonly type?: number
  } = {},
): Tensor {
  const { low = -2, high = 2, away = [], type } = options
  let state = (seed * 2654435761 + 12345) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const size = dims.reduce((product, extent) => product * extent, 1)
  const values = Array.from({ length: size }, () => {
    for (;;) {
      const drawnValue = low + (high - low) * next()
      if (!away.some((kink) => Math.abs(drawnValue - kink) < 0.02)) return drawnValue
    }
  })
  return tensor(dims, values, type)
}

/**
 * Checks the gradients of a model with respect to its inputs. The loss is the sum of the outputs times fixed weights.
 */
export async function checkGradients(
  forward: Model,
  inputs: Readonly<Record<string, Tensor>>,
  options: CheckOptions = {},
): Promise<void> {
  const { precision = 'double', reference, step = 1e-5 } = options
  const wanted = options.wanted ?? Object.keys(inputs).filter((name) => isFloating(inputs[name]!.dataType))
  if (precision === 'float' && reference === undefined && options.step === undefined) {
    throw new Error('checks in float need a reference in double precision, or a step for linear models')
  }
  const session = await start(lowerModel(forward))
  try {
    const outputs = forward.graph.output.map(({ name }) => name)
    const results = await session.run(feedsOf(inputs))
    const real = outputs.filter((name) => results[name]!.type.startsWith('float'))
    const weights = Object.fromEntries(
      real.map((name, i) => [
        name,
        drawn(results[name]!.dims, 7919 + i, { ...options.weights, type: typeNumber(results[name]!) }),
      ]),
    )
    const computed = await run(await gradientModel(forward, weights, wanted, options.gradients), inputs)

    const losses = async (given: Readonly<Record<string, Tensor>>): Promise<number> => {
      const found = reference
        ? reference(
            Object.fromEntries(Object.entries(given).map(([name, { data }]) => [name, asDoubles(data)])),
          )
        : Object.values(await session.run(feedsOf(given), real)).map(({ data }) => data as Float64Array)
      const values = reference
        ? outputs.flatMap((name, i) => (real.includes(name) ? [found[i]!] : []))
        : found
      return real.reduce((sum, name, i) => sum + dot(asDoubles(weights[name]!.data), values[i]!), 0)
    }
    for (const name of wanted) {
      const { dims, dataType: type, data } = inputs[name]!
      const differences = new Float64Array(data.length)
      for (let i = 0; i < data.length; i++) {
        const at = Number(data[i])
        const shifted = async (by: number): Promise<[number, number]> => {
          const copy = reference ? asDoubles(data) : (data as Float64Array).slice()
          copy[i] = at + by
          const moved = { dims, dataType: reference ? dataType.double : type, data: copy }
          return [await losses({ ...inputs, [name]: moved }), copy[i]!]
        }
        const [[above, right], [below, left]] = [await shifted(step), await shifted(-step)]
        differences[i] = (above - below) / (right - left)
      }
      const gradient = computed[name]!
      expect(gradient.dims, `dims of the gradient of ${name}`).toEqual([...dims])
      const isDouble = precision === 'double'
      const error = (isDouble ? relativeError : floatError)(gradient.data, differences)
      const detail = `gradient of ${name}: ${sample(gradient.data)}, differences ${sample(differences)}`
      expect(error, detail).toBeLessThan(isDouble ? 1e-6 : 1e-5)
    }
    if (options.genuine) await checkGenuine(forward, inputs, weights, wanted, computed, options.gradients)
  } finally {
    await session.release()
  }
}

/**
 * The model with gradients as its outputs: those of its inputs, by the inputs' names with `/gradient` after them.
 *
 * @param seeds the gradients of the loss with respect to the outputs, as constants
 */
export async function gradientModel(
  forward: Model,
  seeds: Readonly<Record<string, Tensor>>,
  wanted: readonly string[],
  table?: GradientTable,
): Promise<Model> {
  const whole = clone(ModelProtoSchema, forward) as Model
  const { graph } = whole
  const { types, bodies } = await describeBodies(
    whole,
    await typesOf(forward),
    graph.node.filter(hasBody),
    ort,
  )
  const given = Object.entries(seeds).map(([name, { dims, dataType: type, data }]) =>
    createTensor(`${name}/weights`, dims, type, data),
  )
  const { nodes, constants, gradients } = addGradients({
    graph,
    types,
    opset: opsetOf(whole)!,
    seeds: new Map(Object.keys(seeds).map((name) => [name, `${name}/weights`])),
    wanted,
    bodies,
    ...(table && { table }),
  })
  graph.initializer.push(...given, ...constants)
  graph.node.push(...nodes)
  declare(graph, types)
  graph.output = wanted.map((name) => {
    const gradient = gradients.get(name)
    if (gradient === undefined) throw new Error(`the rule gives no gradient of ${name}`)
    graph.node.push(node('Identity', [gradient], [`${name}/gradient`]))
    const output = value(`${name}/gradient`, 0, [])
    delete output.type
    return output
  })
  return whole
}

/** The types of a model's values, those that lowering adds excepted. */
async function typesOf(forward: Model): Promise<ValueTypes> {
  const inferred = await inferTypes(lowerModel(forward), ort)
  const types = valueTypes(forward.graph)
  for (const name of forward.graph.node.flatMap(({ output }) => output)) types.add(name, inferred.get(name))
  return types
}

/** Declares the known types of values, as artifacts do: kernels of the training build take extents from there. */
function declare(graph: GraphProto, types: ValueTypes): void {
  const declared = new Set([...graph.input, ...graph.valueInfo, ...graph.output].map(({ name }) => name))
  for (const name of graph.node.flatMap(({ output }) => output)) {
    const { dataType: type, shape } = types.get(name)
    if (name === '' || declared.has(name) || type === undefined || shape === undefined) continue
    const named = shape.map((extent) => extent ?? '')
    graph.valueInfo.push(value(name, type, named))
  }
}

/**
 * ‖a − b‖ relative to ‖b‖, or to 0.1 per element if b is less: of numbers around 1 that cancel to a hundredth, float
 * leaves five digits.
 */
function floatError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const norm = Math.hypot(...Array.from(b))
  const least = 0.1 * Math.sqrt(b.length)
  return relativeError(a, b) * (norm === 0 ? 1 / (least || 1) : Math.min(1, norm / least))
}

function start(made: Model): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(writeModel(made), { graphOptimizationLevel: 'all', logSeverityLevel: 3 })
}

type Gradients = Record<string, { dims: readonly number[]; data: Float64Array }>

async function run(made: Model, inputs: Readonly<Record<string, Tensor>>): Promise<Gradients> {
  const session = await start(lowerModel(made))
  try {
    return collect(await session.run(feedsOf(inputs)))
  } finally {
    await session.release()
  }
}

function collect(results: Readonly<Record<string, { dims: readonly number[]; data: unknown }>>): Gradients {
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name.replace(/\/gradient$/, ''),
      { dims: [...dims], data: Float64Array.from(data as ArrayLike<number>) },
    ]),
  )
}

let genuine: Promise<Genuine> | undefined

async function checkGenuine(
  forward: Model,
  inputs: Readonly<Record<string, Tensor>>,
  weights: Readonly<Record<string, Tensor>>,
  wanted: readonly string[],
  expected: Gradients,
  table: GradientTable | undefined,
): Promise<void> {
  const narrowed = (tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(tensors).map(([name, given]) => [name, narrow(given)]))
  const whole = await gradientModel(narrowModel(forward), narrowed(weights), wanted, table)
  genuine ??= startGenuine().catch((error: unknown) => {
    throw error
  })
  const runtime = await genuine
  const given = narrowed(inputs)
  const results = collect(await runtime.infer(writeModel(whole), given))
  for (const name of wanted) {
    const error = floatError(results[name]!.data, expected[name]!.data)
    const detail = `gradient of ${name} in the genuine runtime: ${sample(results[name]!.data)}, here ${sample(expected[name]!.data)}`
    expect(error, detail).toBeLessThan(1e-5)
  }
}

/** The same in float. */
function narrow<T extends Tensor>(given: T): T {
  return given.dataType === dataType.double
    ? { ...given, dataType: dataType.float, data: Float32Array.from(given.data as Float64Array) }
    : given
}

function narrowModel(forward: Model): Model {
  const made = clone(ModelProtoSchema, forward) as Model
  const narrowTensor = (given: TensorProto): TensorProto => {
    if (given.dataType !== dataType.double) return given
    const { name, dims, data } = narrow(readTensor(given))
    return createTensor(name, dims, dataType.float, data)
  }
  const visit = (graph: GraphProto): void => {
    for (const { type } of [...graph.input, ...graph.output, ...graph.valueInfo]) {
      if (type?.value.case === 'tensorType' && type.value.value.elemType === dataType.double) {
        type.value.value.elemType = dataType.float
      }
    }
    graph.initializer = graph.initializer.map(narrowTensor)
    for (const { opType, attribute } of graph.node) {
      for (const given of attribute) {
        if (given.t) given.t = narrowTensor(given.t)
        if (given.g) visit(given.g)
        if (opType === 'Cast' && given.name === 'to' && Number(given.i) === dataType.double) given.i = 1n
      }
    }
  }
  visit(made.graph)
  return made
}

function feedsOf(inputs: Readonly<Record<string, Tensor>>): Record<string, ort.Tensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dims, dataType: type, data }]) => [
      name,
      new ort.Tensor(elementTypeOf(type).name as 'float32', data as Float32Array, dims),
    ]),
  )
}

function isFloating(type: number): boolean {
  return type === dataType.float || type === dataType.double
}

function typeNumber({ type }: ort.Tensor): number {
  return type === 'float64' ? dataType.double : dataType.float
}

function asDoubles(data: TensorData): Float64Array {
  return Float64Array.from(data as ArrayLike<number>, Number)
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length)
    throw new Error(`the reference gives ${b.length} elements, the model ${a.length}`)
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function sample(data: ArrayLike<number>): string {
  return `[${Array.from(data).slice(0, 8).join(', ')}${data.length > 8 ? ', …' : ''}]`
}
