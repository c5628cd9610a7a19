import type { ShaderRunner } from '@induced-metric/core/adapter'
import { hasFunctions } from './checks.js'
import type { Tensor, TensorFlow } from './namespace.js'
import { perBackend } from './perBackend.js'

/** A tensor as the webgl backend passes it around. */
interface TensorInfo {
  readonly dataId: object
  readonly shape: number[]
  readonly dtype: string
}

/** The parts of the webgl backend that are used. All of them are public, and each is looked for before it is relied on. */
interface WebglBackend {
  readonly texData: { get(dataId: object): { readonly isPacked?: boolean } }
  unpackTensor(input: TensorInfo): TensorInfo
  runWebGLProgram(
    program: object,
    inputs: readonly TensorInfo[],
    dtype: 'float32',
    numbers?: readonly (readonly number[])[],
    staysPacked?: boolean,
  ): TensorInfo
}

/** The class whose name the backend makes a part of the key of a compiled program. */
class InducedMetricProgram {
  readonly variableNames: string[]
  readonly outputShape: number[]
  readonly userCode: string
  readonly customUniforms: readonly {
    readonly name: string
    readonly type: 'float'
    readonly arrayIndex: number
  }[]

  constructor(code: string, inputs: number, numbers: number, size: number) {
    this.variableNames = Array.from({ length: inputs }, (_, index) => `x${index}`)
    this.outputShape = [size]
    this.userCode = `${code.replaceAll(/\bread(\d+)\(/g, 'getX$1(')}
      void main() { setOutput(valueAt(getOutputCoords())); }`
    this.customUniforms = numbers === 0 ? [] : [{ name: 'numbers', type: 'float', arrayIndex: numbers }]
  }
}

/** What runs programs on the current backend; `undefined` where nothing can. */
export const backendShaders = perBackend((tf, candidate): ShaderRunner<Tensor> | undefined => {
  const backend = candidate as WebglBackend
  const isUsable =
    // Programs choose among uniforms by an index, which the first version forbids.
    tf.getBackend() === 'webgl' &&
    tf.env().getNumber('WEBGL_VERSION') === 2 &&
    hasFunctions(backend, 'unpackTensor', 'runWebGLProgram') &&
    hasFunctions(backend.texData, 'get')
  return isUsable ? { run: createRun(tf, backend) } : undefined
})

function createRun(tf: TensorFlow, backend: WebglBackend): ShaderRunner<Tensor>['run'] {
  const made = (info: TensorInfo, shape: readonly number[]): Tensor =>
    tf.engine().makeTensorFromTensorInfo({ ...info, shape: [...shape] } as never)
  /** By packed tensor, its values one by one: several programs of a step read them. */
  const unpacked = new WeakMap<Tensor, Tensor>()
  const flat = (tensor: Tensor): TensorInfo => {
    const { dataId, shape, size, dtype } = tensor
    if (!backend.texData.get(dataId).isPacked) return { dataId, shape: [size], dtype }
    let found = unpacked.get(tensor)
    if (found === undefined || found.isDisposed) {
      found = made(backend.unpackTensor({ dataId, shape, dtype }), shape)
      unpacked.set(tensor, found)
    }
    return { dataId: found.dataId, shape: [size], dtype }
  }
  return ({ code, inputs, numbers: count }, tensors, numbers, shape) => {
    const size = shape.reduce((product, extent) => product * extent, 1)
    const program = new InducedMetricProgram(code, inputs, count, size)
    const info = backend.runWebGLProgram(program, tensors.map(flat), 'float32', [numbers], true)
    return made(info, shape)
  }
}
