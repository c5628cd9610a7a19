import type { GpuDevice } from '@induced-metric/core'
import { unsupported } from '@induced-metric/core/adapter'
import { createOrtSession } from '@induced-metric/onnx/adapter'
import type { Ort, OrtSession, OrtValues } from '@induced-metric/onnx'
import { createModelBuilder, dataType, type Model } from '@induced-metric/onnx/proto'
import { createOrtTensor } from '../ort/ort.js'
import { providerOptions } from './provider.js'

// Kernels that were wrong in some build of the runtime, without an error. Each is run once on the device and once on the CPU.

const images = [2, 6, 5, 5] as const
const rows = [2, 4] as const

/** The model of the check: each output is a kernel that was wrong, and its name says which. */
function checkModel(): Model {
  const builder = createModelBuilder(17)
  const { emit, ints, real } = builder
  const x = builder.input('images', dataType.float, [...images])
  const filters = builder.input('filters', dataType.float, [16, 6, 3, 3])
  const y = builder.input('rows', dataType.float, [...rows])
  const nan = builder.input('nan', dataType.float, [...rows])
  const float = dataType.float
  const outputs = [
    [
      'Conv of 6 channels to 16',
      emit('Conv', [x, filters], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
      [2, 16, 5, 5],
    ],
    ['Concat of 9 inputs', emit('Concat', new Array<string>(9).fill(y), { axis: 1 }), [2, 36]],
    ['Slice with step -1', emit('Slice', [y, ints([-1]), ints([-9]), ints([1]), ints([-1])]), rows],
    ['Max of NaN', emit('Max', [nan, real(0, float)]), rows],
    ['Min of NaN', emit('Min', [nan, real(0, float)]), rows],
    ['Softmax of NaN', shares(emit, nan, ints([-1])), rows],
  ] as const
  for (const [name, value, dims] of outputs)
    builder.output(emit('Mul', [value, real(1, float)], {}, name), float, [...dims])
  return builder.build('kernels')
}

type Emit = ReturnType<typeof createModelBuilder>['emit']

function shares(emit: Emit, x: string, axes: string): string {
  const made = emit('Softmax', [x], { axis: -1 })
  return emit('Div', [made, emit('ReduceSum', [made, axes], { keepdims: 1 })])
}

const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1)
/** Numbers within ±1 that repeat late. */
const numbers = (dims: readonly number[]): Float32Array =>
  Float32Array.from({ length: sizeOf(dims) }, (_, i) => ((i * 37) % 101) / 50 - 1)

/**
 * Runs kernels that were wrong in some build of the runtime. Their session is not released: with its last session, the runtime
 * destroys its device, even one that it was given.
 *
 * @returns whether NaN passes through those that the lowering uses for that
 * @throws ERR_NOT_SUPPORTED for a kernel that is wrong here, and where there is no device
 */
export async function checkKernels(ort: Ort, cpu: Ort, device: GpuDevice | undefined): Promise<boolean> {
  const model = checkModel()
  const withNaN = numbers(rows)
  withNaN[1] = NaN
  const tensor = (data: Float32Array, dims: readonly number[]) => createOrtTensor(ort, 'float32', data, dims)
  const feeds = {
    images: tensor(numbers(images), images),
    filters: tensor(numbers([16, 6, 3, 3]), [16, 6, 3, 3]),
    rows: tensor(numbers(rows), rows),
    nan: tensor(withNaN, rows),
  }
  const { values: ours } = await run(ort, model, feeds, providerOptions({ device, capture: false }))
  const { values: theirs, session } = await run(cpu, model, feeds, {})
  await session.release()
  let keepsNaN = true
  for (const [name, expected] of theirs) {
    const found = ours.get(name)!
    const at = expected.findIndex((value, i) => !agree(value, found[i]!))
    if (at < 0) continue
    if (name.endsWith('NaN')) keepsNaN = false
    else {
      throw unsupported(
        `the kernel of ${name} is wrong in this build of the runtime, on this device: it gives ${found[at]} for ${expected[at]}. Use ` +
          'onnxruntime-web/webgpu of release 1.30 or later: the default build of onnxruntime-web has other kernels',
      )
    }
  }
  return keepsNaN
}

function agree(a: number, b: number): boolean {
  return Number.isNaN(a) ? Number.isNaN(b) : Math.abs(a - b) <= 1e-4 * (1 + Math.abs(a))
}

async function run(
  ort: Ort,
  model: Model,
  feeds: OrtValues,
  options: object,
): Promise<{ readonly session: OrtSession; readonly values: ReadonlyMap<string, Float32Array> }> {
  const session = await createOrtSession(ort, model, 'the check of the device', options)
  const names = model.graph.output.map(({ name }) => name)
  const results = await session.run(feeds, names)
  const read = names.map(async (name) => {
    const tensor = results[name] as unknown as { getData(): Promise<Float32Array> }
    return [name, await tensor.getData()] as const
  })
  return { session, values: new Map(await Promise.all(read)) }
}
