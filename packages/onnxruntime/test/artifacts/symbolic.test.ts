import { describe, expect, it } from 'vitest'
import { generateArtifacts } from '../../src/artifacts.js'
import {
  createModelBuilder,
  createValue,
  dataType,
  int64Tensor,
  readModel,
  type Model,
  type ModelBuilder,
} from '@induced-metric/onnx/proto'
import { drawn, tensor } from '../../../onnx/test/gradients/harness.js'
import { checkSession, startTraining } from './training.js'

// Models whose Reshape targets are computed from the shapes of other values, as exporters write view(x.size(0), -1).
// Artifacts are generated once and train with inputs of one size and then of another.

const { double, float, int32, int64 } = dataType

/** A model under construction, with the constructs that exporters write. */
interface Writer extends ModelBuilder {
  readonly parameter: (...dims: number[]) => string
  /** x·w, with random w. */
  readonly product: (x: string, inputs: number, outputs: number) => string
  readonly unsqueeze: (x: string) => string
  /** A scalar: one extent of a value. */
  readonly size: (x: string, axis: number) => string
  /** Reshapes to numbers, and to computed ones: vectors, or lists of scalars. */
  readonly view: (x: string, ...target: (number | string)[]) => string
}

function writer(opset: number): Writer {
  const builder = createModelBuilder(opset)
  const { emit, int, ints } = builder
  let seed = 0
  const parameter = (...dims: number[]): string =>
    builder.initializer(`w${++seed}`, dims, double, drawn(dims, seed).data)
  const unsqueeze = (x: string): string =>
    opset < 13 ? emit('Unsqueeze', [x], { axes: [0] }) : emit('Unsqueeze', [x, ints([0])])
  return {
    ...builder,
    parameter,
    product: (x, inputs, outputs) => emit('MatMul', [x, parameter(inputs, outputs)]),
    unsqueeze,
    size: (x, axis) => emit('Gather', [emit('Shape', [x]), int(axis)], { axis: 0 }),
    view(x, ...target) {
      const parts = target.map((part) => (typeof part === 'number' ? ints([part]) : part))
      return emit('Reshape', [x, emit('Concat', parts, { axis: 0 })])
    },
  }
}

interface Case {
  readonly dims: readonly (number | string)[]
  /** The values of the symbols, the first and the second time. */
  readonly sizes: Readonly<Record<string, readonly [number, number]>>
  /** Builds the model from its input and returns the output. */
  readonly build: (writer: Writer, x: string) => string
  /** The declared axes of the output. */
  readonly output: readonly (number | string)[]
  readonly since?: number
}

const batch = { batch: [3, 2] } as const
const both = { batch: [3, 2], time: [2, 5] } as const

const cases: Readonly<Record<string, Case>> = {
  'view(size(0), -1)': {
    dims: ['batch', 2, 3],
    sizes: batch,
    build({ product, view, unsqueeze, size, emit, parameter }, x) {
      const h = product(x, 3, 4)
      const flat = view(h, unsqueeze(size(h, 0)), -1)
      return emit('Gemm', [flat, parameter(8, 2), parameter(2)])
    },
    output: ['batch', 2],
  },
  'view(size(0) * size(1), 3) and back': {
    dims: ['batch', 'time', 3],
    sizes: both,
    build({ view, unsqueeze, size, emit, parameter }, x) {
      const rows = view(x, unsqueeze(emit('Mul', [size(x, 0), size(x, 1)])), 3)
      const y = emit('Tanh', [emit('Gemm', [rows, parameter(3, 4), parameter(4)])])
      return view(y, unsqueeze(size(x, 0)), unsqueeze(size(x, 1)), 4)
    },
    output: ['batch', 'time', 4],
  },
  'view(*shape[:2], -1)': {
    dims: ['batch', 'time', 3],
    sizes: both,
    build({ product, view, emit, parameter, ints }, x) {
      const y = emit('Add', [product(view(x, -1, 3), 3, 4), parameter(4)])
      return view(emit('Tanh', [y]), emit('Slice', [emit('Shape', [x]), ints([0]), ints([2]), ints([0])]), -1)
    },
    output: ['batch', 'time', 4],
  },
  'the heads of an attention': {
    dims: ['batch', 'time', 4],
    sizes: both,
    build({ product, view, unsqueeze, size, emit }, x) {
      const [b, t] = [unsqueeze(size(x, 0)), unsqueeze(size(x, 1))]
      const head = (perm: number[]): string =>
        emit('Transpose', [view(product(x, 4, 4), b, t, 2, 2)], { perm })
      const scores = emit('MatMul', [head([0, 2, 1, 3]), head([0, 2, 3, 1])])
      const seen = emit('MatMul', [emit('Softmax', [scores], { axis: 3 }), head([0, 2, 1, 3])])
      const last = emit('Transpose', [seen], { perm: [0, 2, 1, 3] })
      return product(view(last, unsqueeze(size(last, 0)), unsqueeze(size(last, 1)), -1), 4, 3)
    },
    output: ['batch', 'time', 3],
  },
  'heads folded into the batch': {
    dims: ['time', 'batch', 4],
    sizes: both,
    build({ product, view, unsqueeze, size, emit, int }, x) {
      const [t, stacked] = [unsqueeze(size(x, 0)), unsqueeze(emit('Mul', [size(x, 1), int(2)]))]
      const head = (perm: number[]): string =>
        emit('Transpose', [view(product(x, 4, 4), t, stacked, 2)], { perm })
      const scores = emit('MatMul', [head([1, 0, 2]), head([1, 2, 0])])
      const seen = emit('MatMul', [emit('Softmax', [scores], { axis: 2 }), head([1, 0, 2])])
      const rows = unsqueeze(emit('Mul', [size(x, 0), size(x, 1)]))
      return view(
        product(view(emit('Transpose', [seen], { perm: [1, 0, 2] }), rows, 4), 4, 3),
        t,
        unsqueeze(size(x, 1)),
        3,
      )
    },
    output: ['time', 'batch', 3],
  },
  'a token before each sequence by expand(size(0), -1, -1)': {
    dims: ['batch', 2, 3],
    sizes: batch,
    build({ product, unsqueeze, size, emit, parameter, ints, int }, x) {
      const target = emit('Concat', [unsqueeze(size(x, 0)), ints([-1]), ints([-1])], { axis: 0 })
      const ones = emit('ConstantOfShape', [emit('Shape', [target])], { value: int64Tensor('', [1]) })
      const kept = emit('Equal', [target, emit('Mul', [ones, int(-1)])])
      const token = emit('Expand', [parameter(1, 1, 3), emit('Where', [kept, ones, target])])
      const all = emit('Concat', [token, product(x, 3, 3)], { axis: 1 })
      return product(emit('Gather', [emit('Tanh', [all]), int(0)], { axis: 1 }), 3, 2)
    },
    output: ['batch', 2],
  },
  'windows of an image whose extents are halved': {
    dims: ['batch', 'height', 'width', 3],
    sizes: { batch: [2, 1], height: [4, 2], width: [2, 6] },
    build({ product, view, unsqueeze, size, emit, int }, x) {
      const half = (axis: number): string => unsqueeze(emit('Div', [size(x, axis), int(2)]))
      const [b, h, w] = [unsqueeze(size(x, 0)), half(1), half(2)]
      const parts = emit('Transpose', [view(product(x, 3, 4), b, h, 2, w, 2, 4)], {
        perm: [0, 1, 3, 2, 4, 5],
      })
      const windows = view(parts, -1, 4, 4)
      const scores = emit('MatMul', [windows, emit('Transpose', [windows], { perm: [0, 2, 1] })])
      const seen = emit('MatMul', [emit('Softmax', [scores], { axis: 2 }), windows])
      const back = emit('Transpose', [view(product(seen, 4, 2), b, h, w, 2, 2, -1)], {
        perm: [0, 1, 3, 2, 4, 5],
      })
      return view(back, b, unsqueeze(size(x, 1)), unsqueeze(size(x, 2)), -1)
    },
    output: ['batch', 'height', 'width', 2],
  },
  'groups, and back by the shape of the input': {
    dims: ['batch', 4, 'height', 'width'],
    sizes: { batch: [2, 3], height: [2, 1], width: [3, 2] },
    build({ emit, parameter, ints }, x) {
      const scaled = emit('Mul', [x, parameter(4, 1, 1)])
      const groups = emit('Reshape', [scaled, ints([0, 2, -1])])
      const bent = emit('Tanh', [emit('Mul', [groups, parameter(2, 1)])])
      return emit('Add', [emit('Reshape', [bent, emit('Shape', [x])]), parameter(4, 1, 1)])
    },
    output: ['batch', 4, 'height', 'width'],
  },
  'a mean over an axis that −1 gives': {
    dims: ['batch', 'time', 4],
    sizes: both,
    build({ product, view, unsqueeze, size, emit }, x) {
      const pairs = view(product(x, 4, 6), unsqueeze(size(x, 0)), -1, 2)
      const ones = emit('Reciprocal', [emit('Cast', [size(pairs, 1)], { to: double })])
      const mean = emit('Mul', [emit('Einsum', [pairs], { equation: 'bij->bj' }), ones])
      return product(mean, 2, 2)
    },
    output: ['batch', 2],
    since: 12,
  },
  'halves of a computed length': {
    dims: ['batch', 'time', 4],
    sizes: both,
    build({ product, view, unsqueeze, size, emit, ints, int }, x) {
      const y = product(x, 4, 4)
      const half = unsqueeze(emit('Div', [size(y, 2), int(2)]))
      const left = emit('Slice', [y, ints([0]), half, ints([2])])
      const right = emit('Slice', [y, half, ints([2 ** 31]), ints([2])])
      const gated = emit('Mul', [left, emit('Sigmoid', [right])])
      return product(view(gated, unsqueeze(size(x, 0)), unsqueeze(size(x, 1)), 1, -1), 2, 3)
    },
    output: ['batch', 'time', 1, 3],
  },
  'extents in int32, as Keras has them': {
    dims: ['unk__1', 2, 4],
    sizes: { unk__1: [3, 2] },
    build({ product, emit, ints }, x) {
      const y = product(x, 4, 4)
      const extents = emit('Cast', [emit('Shape', [y])], { to: int32 })
      const first = emit('Slice', [extents, ints([0]), ints([1]), ints([0])])
      const target = emit('Concat', [first, emit('Cast', [ints([8])], { to: int32 })], { axis: 0 })
      return product(emit('Reshape', [y, emit('Cast', [target], { to: int64 })]), 8, 3)
    },
    output: ['unk__2', 3],
  },
  'extents that went through another type': {
    dims: ['batch', 2, 3],
    sizes: batch,
    build({ product, view, unsqueeze, size, emit }, x) {
      const whole = emit('Floor', [emit('Cast', [size(x, 0)], { to: float })])
      return product(view(product(x, 3, 4), unsqueeze(emit('Cast', [whole], { to: int64 })), -1), 8, 2)
    },
    output: ['batch', 2],
  },
  'Shape of a part, and extents that may be 0': {
    dims: ['batch', 'time', 4],
    sizes: both,
    build({ product, emit, ints }, x) {
      const extent = (start: number): string => emit('Shape', [x], { start, end: start + 1 })
      const target = emit('Concat', [extent(0), extent(1), ints([2]), ints([3])], { axis: 0 })
      return product(emit('Reshape', [product(x, 4, 6), target], { allowzero: 1 }), 3, 2)
    },
    output: ['batch', 'time', 2, 2],
    since: 15,
  },
  'extents without names': {
    dims: ['', '', 4],
    sizes: { '0': [3, 2], '1': [2, 5] },
    build({ product, view, unsqueeze, size, emit, parameter }, x) {
      const y = view(product(x, 4, 4), unsqueeze(size(x, 0)), unsqueeze(size(x, 1)), 2, 2)
      return emit('Add', [product(y, 2, 3), parameter(2, 3)])
    },
    output: ['', '', 2, 3],
  },
}

function modelOf({ dims, build, output }: Case, opset: number): Model {
  const made = writer(opset)
  const y = build(made, made.input('x', double, dims))
  made.output(made.emit('Identity', [y], {}, 'y'), double, output)
  return made.build('symbolic')
}

const runs = Object.entries(cases).flatMap(([name, given]) =>
  [11, 13, 14, 17, 21]
    .filter((opset) => opset >= (given.since ?? 0))
    .map((opset) => [name, opset, given] as const),
)

describe('models that reshape by extents which they compute', () => {
  it.each(runs)('%s, in opset %d, train at any of them', async (_, opset, given) => {
    const session = await startTraining(modelOf(given, opset), { loss: 'mse' })
    const names = Object.keys(given.sizes)
    for (const time of [0, 1] as const) {
      const sized = (dims: readonly (number | string)[]): number[] =>
        dims.map((extent, axis) => {
          if (typeof extent === 'number') return extent
          return given.sizes[extent === '' ? axis : extent.replace('unk__2', names[0]!)]![time]
        })
      const inputs = { x: drawn(sized(given.dims), 50), target: drawn(sized(given.output), 60) }
      const { gradients } = await checkSession(session, inputs)
      expect([...gradients.values()].flatMap((gradient) => [...gradient]).some((g) => g !== 0)).toBe(true)
      await session.lazyResetGrad()
    }
    await session.release()
  })
})

it('what has been folded leaves nothing behind in the eval model, of which the runtime would warn', async () => {
  const { evalModel } = await generateArtifacts(modelOf(cases['extents in int32, as Keras has them']!, 17), {
    loss: 'mse',
  })
  const { node, initializer } = readModel(evalModel).graph
  const read = new Set(node.flatMap(({ input }) => input))
  expect(initializer.map(({ name }) => name).filter((name) => !read.has(name))).toEqual([])
})

describe('a model whose Reshape gives a number of axes that only running it tells', () => {
  const made = (declares: boolean): Model => {
    const { input, output, product, emit, build } = writer(17)
    const x = input('x', double, ['batch', 2, 4])
    const target = input('shape', int64, ['axes'])
    const reshaped = emit('Reshape', [product(x, 4, 4), target], {}, 'reshaped')
    output(emit('Identity', [product(reshaped, 8, 3)], {}, 'y'), double, ['batch', 3])
    const model = build('unknown')
    if (declares) model.graph.valueInfo.push(createValue('reshaped', double, ['rows', 'columns']))
    return model
  }

  it('is refused, by the name of the value', async () => {
    await expect(generateArtifacts(made(false), { loss: 'mse' })).rejects.toThrow(
      /ERR_NOT_SUPPORTED: operator MatMul .*the rank of "reshaped" is not known; declare it in the value_info/,
    )
  })

  it('trains when the model declares it', async () => {
    const session = await startTraining(made(true), { loss: 'mse' })
    for (const rows of [3, 2]) {
      await checkSession(session, {
        x: drawn([rows, 2, 4], 1),
        shape: tensor([2], [rows, 8], int64),
        target: drawn([rows, 3], 2),
      })
      await session.lazyResetGrad()
    }
    await session.release()
  })
})
