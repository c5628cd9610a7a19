import { create } from '@bufbuild/protobuf'
import { gpt, lenet, mlp } from '@induced-metric/onnx/models'
import {
  AttributeProtoSchema,
  attributeType,
  createModel,
  createNode,
  createTensor,
  createValue,
  FunctionProtoSchema,
  GraphProtoSchema,
  int64Tensor,
  readModel,
  writeModel,
} from '@induced-metric/onnx/proto'

/** Draws a whole number below another. */
type Draw = (below: number) => number

/** Numbers drawn from a seed. */
function drawFrom(seed: number): Draw {
  let state = (seed * 2654435761) >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** A model with a function, a branch, computed shapes, and a constant of each kind. */
function mixed(): Uint8Array {
  const weight = createTensor(
    'w',
    [4, 3],
    1,
    Float32Array.from({ length: 12 }, (_, i) => i / 10),
  )
  const branch = (name: string) =>
    create(GraphProtoSchema, {
      name,
      node: [createNode('Identity', ['flat'], [`${name}/out`])],
      output: [createValue(`${name}/out`, 1, ['batch', 4])],
    })
  const choice = createNode('If', ['yes'], ['chosen'])
  for (const name of ['then_branch', 'else_branch']) {
    choice.attribute.push(create(AttributeProtoSchema, { name, type: attributeType.graph, g: branch(name) }))
  }
  const model = createModel({
    nodes: [
      createNode('Shape', ['x'], ['shape']),
      createNode('Gather', ['shape', 'zero'], ['rows']),
      createNode('Concat', ['rows', 'minus'], ['extents'], { axis: 0 }),
      createNode('Reshape', ['x', 'extents'], ['flat']),
      choice,
      createNode('MatMul', ['chosen', 'w'], ['z']),
      createNode('test:Twice', ['z'], ['y']),
    ],
    inputs: [createValue('x', 1, ['batch', 2, 2])],
    outputs: [createValue('y', 1, ['batch', 3])],
    initializers: [
      weight,
      int64Tensor('zero', [0]),
      int64Tensor('minus', [-1]),
      createTensor('yes', [], 9, Uint8Array.of(1)),
    ],
  })
  model.functions.push(
    create(FunctionProtoSchema, {
      name: 'Twice',
      domain: 'test',
      input: ['a'],
      output: ['b'],
      node: [createNode('Add', ['a', 'a'], ['b'])],
      opsetImport: [{ domain: '', version: 17n }],
    }),
  )
  return writeModel(model)
}

const originals = [
  writeModel(mlp({ sizes: [4, 5, 3] })),
  writeModel(lenet({})),
  writeModel(gpt({ layers: 1, width: 8, heads: 2, vocabulary: 11, context: 6 })),
  mixed(),
]

/** Bytes changed at random. */
function damageBytes(bytes: Uint8Array, draw: Draw): Uint8Array {
  const kind = draw(6)
  if (kind === 0) return bytes.slice(0, draw(bytes.length))
  const result = bytes.slice()
  if (kind === 1) {
    const [from, to] = [draw(bytes.length), draw(bytes.length)]
    const length = draw(Math.min(64, bytes.length - Math.max(from, to)) + 1)
    result.copyWithin(to, from, from + length)
    return result
  }
  if (kind === 2) {
    const [start, length] = [draw(bytes.length), draw(64)]
    return Uint8Array.from([...bytes.subarray(0, start), ...bytes.subarray(start + length)])
  }
  const extremes = [0, 1, 0x7f, 0x80, 0xff]
  // Weights are most of a file, and any number is a valid weight. The graph is in the rest.
  const region = draw(2) === 0 ? bytes.length : Math.min(bytes.length, 2000)
  for (let i = 0, count = 1 + draw(4); i < count; i++) {
    const place = draw(region)
    result[place] = kind === 3 ? result[place]! ^ (1 << draw(8)) : kind === 4 ? draw(256) : extremes[draw(5)]!
  }
  return result
}

/** Changes parts of the message, so that it can be read again. */
function damageParts(bytes: Uint8Array, draw: Draw): Uint8Array {
  const model = readModel(bytes)
  const { graph } = model
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)]!
  const numbers = [
    0n,
    1n,
    -1n,
    2n,
    3n,
    127n,
    -128n,
    65536n,
    2147483647n,
    -2147483648n,
    2n ** 62n,
    -(2n ** 63n),
  ]
  const names = graph.node.flatMap(({ input, output }) => [...input, ...output])
  for (let i = 0, count = 1 + draw(3); i < count && graph.node.length > 0; i++) {
    const node = pick(graph.node)
    const attribute = node.attribute.length > 0 ? pick(node.attribute) : undefined
    const tensor = pick(graph.initializer)
    const { value } = pick([...graph.input, ...graph.output]).type!
    const declared = value.case === 'tensorType' ? value.value : undefined
    const kind = draw(14)
    if (kind === 0 && node.input.length > 0) node.input[draw(node.input.length)] = pick(names)
    else if (kind === 1) node.output[draw(node.output.length)] = pick(names)
    else if (kind === 2) graph.node.splice(draw(graph.node.length), 1)
    else if (kind === 3) node.opType = pick(graph.node).opType
    else if (kind === 4 && attribute) attribute.ints[draw(attribute.ints.length + 1)] = pick(numbers)
    else if (kind === 5 && attribute) attribute.i = pick(numbers)
    else if (kind === 6) tensor.dims[draw(tensor.dims.length + 1)] = pick(numbers)
    else if (kind === 7) tensor.dataType = draw(24)
    else if (kind === 8 && attribute) attribute.type = draw(15)
    else if (kind === 9) node.input.splice(draw(node.input.length + 1), draw(2), pick(names))
    else if (kind === 10 && tensor.dataType === 7) {
      const values = new BigInt64Array(tensor.rawData.slice().buffer)
      values[draw(values.length)] = pick(numbers)
      tensor.rawData = new Uint8Array(values.buffer)
    } else if (kind === 11 && declared?.shape) {
      const dim = pick(declared.shape.dim)
      dim.value = { case: 'dimValue', value: pick(numbers) }
    } else if (kind === 12 && declared) declared.elemType = draw(24)
    else if (kind === 13) pick(model.opsetImport).version = pick([...numbers, 11n, 12n, 13n, 18n, 22n])
  }
  return writeModel(model)
}

/** A damaged model, the same every time for a seed. */
export function damagedModel(seed: number): Uint8Array {
  const draw = drawFrom(seed)
  const original = originals[draw(originals.length)]!
  return draw(2) === 0 ? damageBytes(original, draw) : damageParts(original, draw)
}

/** Undamaged models. */
export { originals }
