import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType, type AttributeValue } from '../../src/proto/index.js'
import { isInstalled } from '../genuine/runtime.js'
import { gradientsOf, opsets, runs } from './arbitraries.js'
import { declared, distinct, hidings, perAxis, shapes, whole } from './extents.js'
import { checkGradients, drawn, gradientModel, single, tensor } from './harness.js'

const float = dataType.float
const linear = { precision: 'float', step: 1 } as const

interface Case {
  readonly kernel: number[]
  readonly strides: number[]
  readonly dilations: number[]
  readonly pads: number[]
  readonly extra: number[]
  readonly hidden: boolean[]
  readonly automatic: string
  readonly ceil: boolean
  readonly isCounted: boolean
  readonly opset: number
}

function cases(ranks: readonly number[]): fc.Arbitrary<Case> {
  return fc.constantFrom(...ranks).chain((rank) =>
    fc.record({
      kernel: perAxis(rank, 1, rank === 3 ? 2 : 3),
      strides: perAxis(rank, 1, 3),
      dilations: perAxis(rank, 1, 2),
      pads: perAxis(2 * rank, 0, 2),
      extra: perAxis(rank, 0, rank === 3 ? 1 : 4),
      hidden: hidings(rank + 2),
      automatic: fc.constantFrom('NOTSET', 'NOTSET', 'NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'),
      ceil: fc.boolean(),
      isCounted: fc.boolean(),
      opset: opsets,
    }),
  )
}

/** The strides. With automatic padding they do not exceed the kernel: the padding would be negative. */
function stridesOf({ strides, kernel, automatic }: Case): number[] {
  return automatic.startsWith('SAME') ? strides.map((stride, i) => Math.min(stride, kernel[i]!)) : strides
}

/**
 * The extents of the pooled value, those that the rule sees, and the attributes; `dilates`: the version that
 * introduced dilations.
 */
function pool(given: Case, dilates: number) {
  const { kernel, pads, extra, hidden, automatic, ceil, opset } = given
  const isSame = automatic.startsWith('SAME')
  const strides = stridesOf(given)
  const dilations = opset >= dilates && !isSame ? given.dilations : kernel.map(() => 1)
  const reach = kernel.map((k, i) => dilations[i]! * (k - 1) + 1)
  const dims = [2, 2, ...reach.map((extent, i) => extent + extra[i]!)]
  // Pads are smaller than the kernel, as the runtime requires.
  const kept = pads.map((pad, i) => Math.min(pad, kernel[i % kernel.length]! - 1))
  const attributes: Record<string, AttributeValue> = {
    kernel_shape: kernel,
    strides,
    ...(opset >= dilates ? { dilations } : {}),
    ...(automatic === 'NOTSET' ? { pads: kept } : { auto_pad: automatic }),
  }
  return { dims, seen: declared(dims, hidden), attributes, ceil: { ceil_mode: ceil ? 1 : 0 } }
}

/** Rules that need known extents say so. */
function needsExtents({ hidden, automatic, strides, kernel }: Case): boolean {
  return (
    automatic.startsWith('SAME') &&
    strides.some((stride, i) => Math.min(stride, kernel[i]!) > 1 && hidden[i + 2] === true)
  )
}

describe('MaxPool', () => {
  it('of all kinds of windows', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2]), async (given) => {
        const { dims, seen, attributes, ceil } = pool(given, 10)
        const model = single('MaxPool', { x: { dims: seen, type: float } }, { ...attributes, ...ceil }, given)
        await checkGradients(model, { x: distinct(dims, 1) }, linear)
      }),
      runs(60),
    )
  })

  it('in double precision, in three dimensions, and with the columns first', async () => {
    await fc.assert(
      fc.asyncProperty(cases([2, 3]), fc.constantFrom(0, 1), async (given, order) => {
        const { dims, seen, attributes, ceil } = pool(given, 10)
        const all = { ...attributes, ...ceil, storage_order: order }
        await checkGradients(single('MaxPool', { x: { dims: seen } }, all, given), { x: drawn(dims, 1) })
      }),
      runs(30),
    )
  })

  it.runIf(isInstalled)('as in the training build', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2, 3]), async (given) => {
        // The meaning of rounding up has changed since.
        const { dims, seen, attributes } = pool({ ...given, opset: 17 }, 10)
        const model = single('MaxPool', { x: { dims: seen, type: float } }, attributes, { opset: 17 })
        await checkGradients(model, { x: distinct(dims, 1) }, { ...linear, genuine: true })
      }),
      runs(30),
    )
  })

  it('of equal elements takes the first, once', async () => {
    const model = single('MaxPool', { x: { dims: [1, 1, 2, 3] } }, { kernel_shape: [2, 2], strides: [1, 1] })
    const x = tensor([1, 1, 2, 3], [5, 5, 5, 1, 1, 5])
    const found = await gradientsOf(model, { x }, { y: tensor([1, 1, 1, 2], [10, 100]) })
    expect(found['x']).toEqual([10, 100, 0, 0, 0, 0])
  })

  it('whose indices the model uses itself', async () => {
    const model = single(
      'MaxPool',
      { x: { dims: [1, 2, 7] } },
      { kernel_shape: [3] },
      { outputs: ['y', 'where'] },
    )
    await checkGradients(model, { x: drawn([1, 2, 7], 1) })
  })
})

describe('AveragePool', () => {
  it('of all kinds of windows', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2]), async (given) => {
        fc.pre(!needsExtents(given))
        const { dims, seen, attributes, ceil } = pool(given, 19)
        const all = { ...attributes, ...ceil, count_include_pad: given.isCounted ? 1 : 0 }
        const model = single('AveragePool', { x: { dims: seen, type: float } }, all, given)
        await checkGradients(model, { x: whole(dims, 1) }, linear)
      }),
      runs(80),
    )
  })

  it('in three dimensions', async () => {
    await fc.assert(
      fc.asyncProperty(cases([3]), async (given) => {
        fc.pre(!needsExtents(given))
        const { dims, seen, attributes, ceil } = pool(given, 19)
        const all = { ...attributes, ...ceil, count_include_pad: given.isCounted ? 1 : 0 }
        const model = single('AveragePool', { x: { dims: seen, type: float } }, all, given)
        await checkGradients(model, { x: whole(dims, 1) }, linear)
      }),
      runs(15),
    )
  })

  it.runIf(isInstalled)('as in the training build', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2, 3]), async (given) => {
        fc.pre(!needsExtents(given))
        const { dims, seen, attributes } = pool(given, 99)
        const all = { ...attributes, count_include_pad: given.isCounted ? 1 : 0 }
        const model = single('AveragePool', { x: { dims: seen, type: float } }, all, { opset: 17 })
        await checkGradients(model, { x: whole(dims, 1) }, { ...linear, genuine: true })
      }),
      runs(30),
    )
  })

  it('says that automatic padding with strides needs extents', async () => {
    const attributes = { kernel_shape: [2], auto_pad: 'SAME_UPPER', strides: [2] }
    const model = single('AveragePool', { x: { dims: [1, 1, 'w'], type: float } }, attributes)
    const seed = tensor([1, 1, 3], [1, 1, 1], float)
    await expect(gradientModel(model, { y: seed }, ['x'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED.*auto_pad SAME_UPPER with strides needs extents that are known/,
    )
  })
})

describe('LpPool', () => {
  it('of all kinds of windows', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2]), fc.constantFrom(1, 2, 3), async (given, p) => {
        fc.pre(!needsExtents(given))
        const { dims, seen, attributes } = pool(given, 18)
        const model = single('LpPool', { x: { dims: seen, type: float } }, { ...attributes, p }, given)
        await checkLp(model, dims, p, windowsOf(dims, attributes, given))
      }),
      runs(40),
    )
  })

  it('gives zeros where all elements are zeros', async () => {
    const model = single('LpPool', { x: { dims: [1, 1, 2], type: float } }, { kernel_shape: [2] })
    const found = await gradientsOf(
      model,
      { x: tensor([1, 1, 2], [0, 0], float) },
      { y: tensor([1, 1, 1], [3], float) },
    )
    expect(found['x']).toEqual([0, 0])
  })
})

describe('global pools', () => {
  const images = shapes(3, 5, 3).chain((dims) =>
    fc.record({ dims: fc.constant(dims), hidden: hidings(dims.length) }),
  )

  it.each(['GlobalAveragePool', 'GlobalMaxPool'])('%s', async (opType) => {
    await fc.assert(
      fc.asyncProperty(images, opsets, async ({ dims, hidden }, opset) => {
        const model = single(opType, { x: { dims: declared(dims, hidden), type: float } }, {}, { opset })
        await checkGradients(
          model,
          { x: distinct(dims, 1) },
          { ...linear, genuine: isInstalled && opset <= 17 },
        )
      }),
      runs(25),
    )
  })

  it('GlobalMaxPool of equal elements takes the first', async () => {
    const model = single('GlobalMaxPool', { x: { dims: [1, 2, 3], type: float } })
    const x = tensor([1, 2, 3], [1, 4, 4, -1, -1, -2], float)
    const found = await gradientsOf(model, { x }, { y: tensor([1, 2, 1], [3, 5], float) })
    expect(found['x']).toEqual([0, 3, 0, 5, 0, 0])
  })

  it('GlobalLpPool', async () => {
    await fc.assert(
      fc.asyncProperty(
        images,
        fc.constantFrom(1, 2, 3),
        fc.constantFrom(13, 17, 21),
        async ({ dims, hidden }, p, opset) => {
          const model = single(
            'GlobalLpPool',
            { x: { dims: declared(dims, hidden), type: float } },
            { p },
            { opset },
          )
          const size = dims.slice(2).reduce((a, b) => a * b, 1)
          const rows = Array.from({ length: dims[0]! * dims[1]! }, (_, row) =>
            Array.from({ length: size }, (__, i) => row * size + i),
          )
          await checkLp(model, dims, p, rows)
        },
      ),
      runs(20),
    )
  })
})

/** Against (Σ|x|ᵖ)^(1/p) over the elements of every window. */
async function checkLp(
  model: ReturnType<typeof single>,
  dims: readonly number[],
  p: number,
  windows: readonly (readonly number[])[],
): Promise<void> {
  const x = drawn(dims, 1, { away: [0], type: float })
  await checkGradients(
    model,
    { x },
    {
      precision: 'float',
      reference: ({ x: given }) => [
        windows.map((window) => window.reduce((sum, at) => sum + Math.abs(given![at]!) ** p, 0) ** (1 / p)),
      ],
    },
  )
}

/** The elements in every window of a pool, by their indices in the array. */
function windowsOf(
  dims: readonly number[],
  attributes: Record<string, AttributeValue>,
  given: Case,
): number[][] {
  const { kernel, automatic } = given
  const strides = stridesOf(given)
  const dilations = (attributes['dilations'] as number[] | undefined) ?? kernel.map(() => 1)
  const spatial = dims.slice(2)
  const reach = kernel.map((k, i) => dilations[i]! * (k - 1) + 1)
  const pads = (attributes['pads'] as number[] | undefined) ?? [...kernel, ...kernel].map(() => 0)
  const byAxis = spatial.map((extent, i) => {
    let [begin, end] = [pads[i]!, pads[i + kernel.length]!]
    if (automatic.startsWith('SAME')) {
      const total = Math.max(0, (Math.ceil(extent / strides[i]!) - 1) * strides[i]! + reach[i]! - extent)
      begin = automatic === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2)
      end = total - begin
    }
    const count = Math.floor((extent + begin + end - reach[i]!) / strides[i]!) + 1
    return Array.from({ length: count }, (_, position) =>
      Array.from(
        { length: kernel[i]! },
        (__, k) => position * strides[i]! - begin + k * dilations[i]!,
      ).filter((at) => at >= 0 && at < extent),
    )
  })
  let windows: number[][] = Array.from({ length: dims[0]! * dims[1]! }, (_, channel) => [channel])
  byAxis.forEach((places, i) => {
    windows = windows.flatMap((window) =>
      places.map((along) => window.flatMap((at) => along.map((place) => at * spatial[i]! + place))),
    )
  })
  return windows
}
