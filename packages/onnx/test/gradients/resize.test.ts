import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { isInstalled } from '../genuine/runtime.js'
import { runs } from './arbitraries.js'
import { declared, hidings, list, whole } from './extents.js'
import { checkGradients, gradientModel, single, tensor, type Operand, type Tensor } from './harness.js'

// The runtime resizes float only. In every mode the result is linear in X.
const float = dataType.float
const linear = { precision: 'float', step: 1 } as const

interface Case {
  readonly dims: number[]
  readonly scales: number[]
  readonly hidden: boolean[]
  readonly mode: string
  readonly coordinates: string
  readonly rounding: string
  readonly opset: number
  readonly form: string
}

/** Modes with the coordinates that exporters write for them: PyTorch's, TensorFlow's and ONNX's default. */
const cases: fc.Arbitrary<Case> = fc.record({
  dims: fc.tuple(
    fc.constantFrom(1, 2),
    fc.constantFrom(1, 2),
    fc.integer({ min: 2, max: 5 }),
    fc.integer({ min: 1, max: 5 }),
  ),
  scales: fc.tuple(
    fc.constant(1),
    fc.constant(1),
    fc.constantFrom(1, 2, 3, 0.5, 0.6, 1.5, 2.3),
    fc.constantFrom(1, 2, 3, 1.25, 1.5, 2.3),
  ),
  hidden: hidings(4),
  mode: fc.constantFrom('nearest', 'nearest', 'linear', 'linear', 'cubic'),
  coordinates: fc.constantFrom(
    'half_pixel',
    'pytorch_half_pixel',
    'align_corners',
    'asymmetric',
    'half_pixel_symmetric',
  ),
  rounding: fc.constantFrom('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
  opset: fc.constantFrom(13, 17, 19, 22),
  form: fc.constantFrom('scales', 'sizes', 'fed scales', 'fed sizes'),
})

function resized(given: Case): { model: ReturnType<typeof single>; inputs: Record<string, Tensor> } {
  const { dims, scales, hidden, mode, opset, form } = given
  const coordinates =
    given.coordinates === 'half_pixel_symmetric' && opset < 19 ? 'half_pixel' : given.coordinates
  const attributes = { mode, coordinate_transformation_mode: coordinates, nearest_mode: given.rounding }
  const x = { dims: declared(dims, hidden), type: float }
  const isFed = form.startsWith('fed')
  const bySize = form.endsWith('sizes')
  const values = bySize ? dims.map((extent, axis) => Math.max(1, Math.floor(extent * scales[axis]!))) : scales
  const type = bySize ? dataType.int64 : float
  const operand: Operand = { dims: [4], type, ...(!isFed && { data: values }) }
  const model = single(
    'Resize',
    bySize
      ? [
          ['x', x],
          ['', undefined],
          ['', undefined],
          ['sizes', operand],
        ]
      : [
          ['x', x],
          ['', undefined],
          ['scales', operand],
        ],
    attributes,
    { opset },
  )
  const fed = isFed ? { [bySize ? 'sizes' : 'scales']: tensor([4], values, type) } : {}
  return { model, inputs: { x: whole(dims, 1), ...fed } }
}

describe('Resize', () => {
  it('in every mode, by scales and sizes, of extents that are known or not', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const { model, inputs } = resized(given)
        await checkGradients(model, inputs, { ...linear, wanted: ['x'] })
      }),
      runs(100),
    )
  })

  it.runIf(isInstalled)('as in the training build', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const { model, inputs } = resized({ ...given, opset: 17 })
        await checkGradients(model, inputs, { ...linear, wanted: ['x'], genuine: true })
      }),
      runs(20),
    )
  })

  it('as exporters spell upsampling by whole numbers, without a product of matrices', async () => {
    const spellings = [
      { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      { mode: 'nearest', coordinate_transformation_mode: 'half_pixel' },
    ]
    for (const attributes of spellings) {
      for (const dims of [
        [2, 3, 4, 5],
        ['batch', 3, 'h', 'w'],
      ]) {
        const model = single(
          'Resize',
          [
            ['x', { dims, type: float }],
            ['', undefined],
            ['scales', { dims: [4], type: float, data: [1, 1, 2, 3] }],
          ],
          attributes,
        )
        await checkGradients(model, { x: whole([2, 3, 4, 5], 1) }, { ...linear, genuine: isInstalled })
        const made = await gradientModel(model, { y: whole([2, 3, 8, 15], 1) }, ['x'])
        expect(made.graph.node.map(({ opType }) => opType)).not.toContain('MatMul')
      }
    }
  })

  it('of some axes, antialiased, cropped, and with what lies outside left out', async () => {
    const some = { axes: [2, 3] }
    const half = { dims: [2], type: float, data: [0.5, 2] }
    const roi = { dims: [4], type: float, data: [0.2, 0.1, 0.9, 0.7] }
    const variants: [Record<string, number | string | number[]>, [string, Operand | undefined][]][] = [
      [
        { mode: 'linear', ...some },
        [
          ['', undefined],
          ['scales', half],
        ],
      ],
      [
        { mode: 'linear', antialias: 1, ...some },
        [
          ['', undefined],
          ['scales', half],
        ],
      ],
      [
        { mode: 'cubic', antialias: 1, ...some },
        [
          ['', undefined],
          ['', undefined],
          ['sizes', list([3, 4])],
        ],
      ],
      [
        { mode: 'cubic', exclude_outside: 1, axes: [-2, -1] },
        [
          ['', undefined],
          ['scales', half],
        ],
      ],
      [
        { mode: 'nearest', axes: [3, 2] },
        [
          ['', undefined],
          ['', undefined],
          ['sizes', list([10, 3])],
        ],
      ],
      [
        { mode: 'linear', coordinate_transformation_mode: 'tf_crop_and_resize', ...some },
        [
          ['roi', roi],
          ['', undefined],
          ['sizes', list([4, 7])],
        ],
      ],
    ]
    for (const [attributes, operands] of variants) {
      for (const dims of [
        [1, 2, 6, 5],
        ['n', 2, 'h', 'w'],
      ]) {
        const model = single('Resize', [['x', { dims, type: float }], ...operands], attributes, { opset: 18 })
        await checkGradients(model, { x: whole([1, 2, 6, 5], 1) }, linear)
      }
    }
  })

  it('of one, two, three and five axes', async () => {
    for (const dims of [[4], [3, 4], [2, 3, 4], [1, 2, 2, 3, 2]]) {
      const scales = dims.map((_, axis) => (axis < dims.length - 3 ? 1 : 2))
      for (const mode of dims.length === 1 ? ['nearest'] : ['nearest', 'linear']) {
        const by =
          mode === 'linear'
            ? scales.map((scale, axis) => (axis < dims.length - 2 && dims.length < 5 ? 1 : scale))
            : scales
        const model = single(
          'Resize',
          [
            ['x', { dims, type: float }],
            ['', undefined],
            [
              'scales',
              { dims: [by.length], type: float, data: by.map((scale) => scale * (scale === 1 ? 1 : 0.75)) },
            ],
          ],
          { mode },
        )
        await checkGradients(model, { x: whole(dims, 1) }, linear)
      }
    }
  })

  it('refuses to keep an aspect ratio', async () => {
    const model = single(
      'Resize',
      [
        ['x', { dims: [1, 1, 2, 3], type: float }],
        ['', undefined],
        ['', undefined],
        ['sizes', list([4, 4])],
      ],
      { keep_aspect_ratio_policy: 'not_larger', axes: [2, 3] },
      { opset: 18 },
    )
    await expect(gradientModel(model, { y: whole([1, 1, 3, 4], 1) }, ['x'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED.*keep_aspect_ratio_policy not_larger is not supported: give scales/,
    )
  })
})
