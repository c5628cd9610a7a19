import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType, type AttributeValue } from '../../src/proto/index.js'
import { isInstalled } from '../genuine/runtime.js'
import { opsets, runs } from './arbitraries.js'
import { declared, hidings, perAxis, whole } from './extents.js'
import { checkGradients, gradientModel, single, tensor, type Tensor } from './harness.js'

// The runtime has no double kernel of either. They are linear in each input, and exact on small whole numbers.
const linear = { precision: 'float', step: 1 } as const
const float = dataType.float

interface Case {
  readonly rank: number
  readonly kernel: number[]
  readonly strides: number[]
  readonly dilations: number[]
  readonly pads: number[]
  readonly extra: number[]
  readonly group: number
  readonly channels: [number, number]
  readonly batch: number
  readonly bias: boolean
  readonly hidden: boolean[]
  readonly automatic: string
  readonly opset: number
}

function cases(ranks: readonly number[]): fc.Arbitrary<Case> {
  return fc.constantFrom(...ranks).chain((rank) =>
    fc.record({
      rank: fc.constant(rank),
      kernel: perAxis(rank, 1, rank === 3 ? 2 : 3),
      strides: perAxis(rank, 1, 3),
      dilations: perAxis(rank, 1, 2),
      pads: perAxis(2 * rank, 0, 2),
      extra: perAxis(rank, 0, rank === 3 ? 1 : 4),
      group: fc.constantFrom(1, 1, 2),
      channels: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
      batch: fc.integer({ min: 1, max: 2 }),
      bias: fc.boolean(),
      hidden: hidings(rank + 2),
      automatic: fc.constantFrom('NOTSET', 'NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'),
      opset: opsets,
    }),
  )
}

/** Attributes of the window. With SAME there is no dilation, which the runtime does not accept. */
function windowOf({
  strides,
  dilations,
  pads,
  group,
  automatic,
  kernel,
}: Case): Record<string, AttributeValue> {
  return {
    strides,
    group,
    ...(automatic.startsWith('SAME') ? {} : { dilations }),
    ...(automatic === 'NOTSET' ? { pads } : { auto_pad: automatic }),
    ...(group === 1 ? {} : { kernel_shape: kernel }),
  }
}

function convolution(given: Case) {
  const { kernel, dilations, extra, group, channels, batch, bias, hidden, opset } = given
  const x = [batch, group * channels[0], ...kernel.map((k, i) => dilations[i]! * (k - 1) + 1 + extra[i]!)]
  const w = [group * channels[1], channels[0], ...kernel]
  const inputs: Record<string, Tensor> = {
    x: whole(x, 1),
    w: whole(w, 2),
    ...(bias && { b: whole([w[0]!], 3) }),
  }
  // Channels are known: those of the weights.
  const seen = declared(
    x,
    hidden.map((is, axis) => is && axis !== 1),
  )
  const model = single(
    'Conv',
    {
      x: { dims: seen, type: float },
      w: { dims: w, type: float },
      ...(bias && { b: { dims: [w[0]!], type: float } }),
    },
    windowOf(given),
    { opset },
  )
  return { model, inputs }
}

describe('Conv', () => {
  it('in one and two dimensions, of all kinds of windows', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2]), async (given) => {
        const { model, inputs } = convolution(given)
        await checkGradients(model, inputs, linear)
      }),
      runs(80),
    )
  })

  it('in three dimensions', async () => {
    await fc.assert(
      fc.asyncProperty(cases([3]), async (given) => {
        const { model, inputs } = convolution(given)
        await checkGradients(model, inputs, linear)
      }),
      runs(15),
    )
  })

  it.runIf(isInstalled)('as in the training build', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2]), async (given) => {
        const { model, inputs } = convolution({ ...given, opset: 17 })
        await checkGradients(model, inputs, { ...linear, genuine: true })
      }),
      runs(20),
    )
  })

  it.each([['x'], ['w'], ['b'], ['w', 'b']])('where only %s %s is wanted', async (...wanted) => {
    const inputs = { x: whole([2, 2, 5, 4], 1), w: whole([3, 2, 2, 3], 2), b: whole([3], 3) }
    const operands = Object.fromEntries(
      Object.entries(inputs).map(([name, { dims }]) => [name, { dims, type: float }]),
    )
    const model = single('Conv', operands, { strides: [2, 1] })
    await checkGradients(model, inputs, { ...linear, wanted, genuine: isInstalled })
  })
})

function transposed(given: Case, added: readonly number[]) {
  const { kernel, strides, dilations, pads, extra, group, channels, batch, bias, hidden, opset, automatic } =
    given
  const rank = kernel.length
  const x = [batch, group * channels[0], ...extra.map((extent) => extent + 1)]
  const w = [group * channels[0], channels[1], ...kernel]
  const padding = added.map((extent, i) => Math.min(extent, strides[i]! - 1))
  const isAutomatic = automatic !== 'NOTSET'
  const reach = kernel.map((k, i) => (automatic.startsWith('SAME') ? k : dilations[i]! * (k - 1) + 1))
  // Pads must leave something.
  const full = reach.map((extent, i) => strides[i]! * extra[i]! + extent + padding[i]!)
  const kept = pads.map((pad, i) => Math.min(pad, Math.floor((full[i % rank]! - 1) / 2)))
  const inputs: Record<string, Tensor> = {
    x: whole(x, 1),
    w: whole(w, 2),
    ...(bias && { b: whole([group * channels[1]], 3) }),
  }
  const model = single(
    'ConvTranspose',
    {
      x: {
        dims: declared(
          x,
          hidden.map((is, axis) => is && axis !== 1),
        ),
        type: float,
      },
      w: { dims: w, type: float },
      ...(bias && { b: { dims: [group * channels[1]], type: float } }),
    },
    { ...windowOf({ ...given, pads: kept }), ...(isAutomatic ? {} : { output_padding: padding }) },
    { opset },
  )
  return { model, inputs, full }
}

describe('ConvTranspose', () => {
  it('of all kinds of windows, with output_padding', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2]), perAxis(2, 0, 2), async (given, added) => {
        const { model, inputs } = transposed(given, added.slice(0, given.rank))
        await checkGradients(model, inputs, linear)
      }),
      runs(60),
    )
  })

  it('in three dimensions', async () => {
    await fc.assert(
      fc.asyncProperty(cases([3]), perAxis(3, 0, 1), async (given, added) => {
        const { model, inputs } = transposed(given, added)
        await checkGradients(model, inputs, linear)
      }),
      runs(12),
    )
  })

  it('to a given output_shape', async () => {
    const automatic = fc.constantFrom('NOTSET', 'SAME_UPPER', 'SAME_LOWER')
    await fc.assert(
      fc.asyncProperty(cases([1, 2]), automatic, perAxis(2, -2, 2), async (given, padding, more) => {
        const { kernel, strides, dilations, extra, group, channels, opset } = given
        const x = [2, group * channels[0], ...extra.map((extent) => extent + 1)]
        const w = [group * channels[0], channels[1], ...kernel]
        const full = kernel.map((k, i) => strides[i]! * extra[i]! + dilations[i]! * (k - 1) + 1)
        const shape = full.map((extent, i) => Math.max(1, extent + Math.min(more[i]!, strides[i]! - 1)))
        const model = single(
          'ConvTranspose',
          { x: { dims: x, type: float }, w: { dims: w, type: float } },
          { strides, dilations, group, output_shape: shape, auto_pad: padding },
          { opset },
        )
        await checkGradients(model, { x: whole(x, 1), w: whole(w, 2) }, linear)
      }),
      runs(40),
    )
  })

  it.runIf(isInstalled)('as in the training build', async () => {
    await fc.assert(
      fc.asyncProperty(cases([1, 2]), perAxis(2, 0, 2), async (given, added) => {
        // The meaning of SAME with an odd padding has changed since.
        const automatic = given.automatic.startsWith('SAME') ? 'NOTSET' : given.automatic
        const { model, inputs } = transposed({ ...given, automatic, opset: 17 }, added.slice(0, given.rank))
        await checkGradients(model, inputs, { ...linear, genuine: true })
      }),
      runs(15),
    )
  })

  it('says that output_shape needs extents', async () => {
    const model = single(
      'ConvTranspose',
      { x: { dims: [1, 1, 'w'], type: float }, w: { dims: [1, 1, 3], type: float } },
      { strides: [2], output_shape: [8] },
    )
    const seed = tensor([1, 1, 8], new Array<number>(8).fill(1), float)
    await expect(gradientModel(model, { y: seed }, ['x'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED.*ConvTranspose.*output_shape needs extents that are known/,
    )
  })
})
