import { optionError } from '@induced-metric/core/adapter'
import type { TensorData } from './tensorData.js'
import { dataType } from './dataType.js'
import { createModel, type Model } from './model.js'
import { createNode, type Attributes } from './node.js'
import type { NodeProto, TensorProto, ValueInfoProto } from './onnx_pb.js'
import { createTensor, int64Tensor, realTensor } from './tensor.js'
import { createValue, type Dimension } from './value.js'

/** Builds a model node by node. Every method that adds something returns the name of its value. */
export interface ModelBuilder {
  /** The version of ONNX's own operators. */
  readonly opset: number
  /** Declares an input. Asking for it again adds nothing. */
  readonly input: (name: string, type: number, dims: readonly Dimension[]) => string
  /** Declares that a value is an output. */
  readonly output: (name: string, type: number, dims: readonly Dimension[]) => string
  /**
   * Adds a node with one output.
   *
   * @param opType an operator of ONNX, or `domain:operator`
   * @param output the name of its output, if it matters
   */
  readonly emit: (
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes?: Attributes,
    output?: string,
  ) => string
  /** Adds a node with several outputs, given by their number or their names. */
  readonly emitAll: (
    opType: string,
    inputs: readonly (string | undefined)[],
    attributes: Attributes,
    outputs: number | readonly string[],
  ) => string[]
  /**
   * Adds an initializer: a parameter or a buffer of a network. Its name is the scope, a dot and the given name.
   *
   * @throws ERR_OPTION if the model has one of that name
   */
  readonly initializer: (name: string, dims: readonly number[], type: number, data: TensorData) => string
  /** Adds a scalar constant of an element type, float or double. It is a node, because constants are not trained. */
  readonly real: (value: number, type: number) => string
  /** Adds a scalar constant of int64. */
  readonly int: (value: number | bigint) => string
  /** Adds a one-dimensional constant of int64. */
  readonly ints: (values: readonly (number | bigint)[]) => string
  /**
   * The same model, seen from a part of it: `within('layers').within('0')` names its initializers `layers.0.weight`
   * and its nodes `/layers.0/Gemm_1`.
   */
  readonly within: (scope: string | number) => ModelBuilder
  /** Creates the model from everything that was added. */
  readonly build: (name: string, metadata?: Readonly<Record<string, string>>) => Model
}

interface Parts {
  readonly nodes: NodeProto[]
  readonly inputs: Map<string, ValueInfoProto>
  readonly outputs: ValueInfoProto[]
  readonly initializers: Map<string, TensorProto>
  /** Names of constants, each of which is made once. */
  readonly constants: Set<string>
}

/**
 * Starts a model.
 *
 * @param opset the version of ONNX's own operators
 *
 * @example
 * ```ts
 * import { createModelBuilder, dataType } from '@induced-metric/onnxruntime/onnx'
 *
 * const { float } = dataType
 * const builder = createModelBuilder(17)
 * const x = builder.input('x', float, ['batch', 2])
 * const weight = builder.initializer('weight', [2, 1], float, Float32Array.of(0.5, -0.5))
 * builder.output(builder.emit('MatMul', [x, weight], {}, 'y'), float, ['batch', 1])
 * console.log(builder.build('line').graph.node.length) // 1
 * ```
 */
export function createModelBuilder(opset = 17): ModelBuilder {
  return within(
    { nodes: [], inputs: new Map(), outputs: [], initializers: new Map(), constants: new Set() },
    opset,
    '',
  )
}

function within(parts: Parts, opset: number, scope: string): ModelBuilder {
  const { nodes, inputs, outputs, initializers, constants } = parts
  const path = scope === '' ? '' : `/${scope}/`
  const emitAll: ModelBuilder['emitAll'] = (opType, taken, attributes, given) => {
    const base = `${path}${opType.slice(opType.lastIndexOf(':') + 1)}_${nodes.length + 1}`
    const names =
      typeof given === 'number'
        ? Array.from({ length: given }, (_, i) => (i === 0 ? base : `${base}_output_${i}`))
        : [...given]
    nodes.push(createNode(opType, taken, names, attributes, names[0]))
    return names
  }
  const emit: ModelBuilder['emit'] = (opType, taken, attributes = {}, output) =>
    emitAll(opType, taken, attributes, output === undefined ? 1 : [output])[0]!
  const constant = (name: string, make: () => TensorProto): string => {
    if (!constants.has(name)) {
      emit('Constant', [], { value: make() }, name)
      constants.add(name)
    }
    return name
  }
  return {
    opset,
    emit,
    emitAll,
    input(name, type, dims) {
      if (!inputs.has(name)) inputs.set(name, createValue(name, type, dims))
      return name
    },
    output(name, type, dims) {
      outputs.push(createValue(name, type, dims))
      return name
    },
    initializer(name, dims, type, data) {
      const full = scope === '' ? name : `${scope}.${name}`
      if (initializers.has(full)) {
        throw optionError(
          `the model has an initializer ${JSON.stringify(full)} already; to use it again, give its name to the node`,
        )
      }
      initializers.set(full, createTensor(full, dims, type, data))
      return full
    },
    real: (value, type) =>
      constant(
        `constant ${Object.is(value, -0) ? '-0' : value} ${type === dataType.double ? 'double' : 'float'}`,
        () => realTensor('', [value], type),
      ),
    int: (value) => constant(`constant ${value}`, () => int64Tensor('', [value], [])),
    ints: (values) => constant(`constant [${values.join(', ')}]`, () => int64Tensor('', values)),
    within: (inner) => within(parts, opset, scope === '' ? String(inner) : `${scope}.${inner}`),
    build: (name, metadata) =>
      createModel({
        nodes,
        inputs: [...inputs.values()],
        outputs,
        initializers: [...initializers.values()],
        opset,
        name,
        ...(metadata && { metadata }),
      }),
  }
}
