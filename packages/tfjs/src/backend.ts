import type { VariableBackend } from '@induced-metric/core/adapter'
import { hasFunctions } from './checks.js'
import { createChooser, createLowering } from './lowering.js'
import type { Tensor, TensorFlow, Variable } from './namespace.js'
import { warn } from './platform.js'
import { isHalfPrecision } from './precision.js'
import { addAll } from './sums.js'
import { variableNamed } from './variables.js'
import { backendMemory } from './wasmMemory.js'
import { backendShaders } from './webglPrograms.js'
import { backendDevice } from './webgpuDevice.js'

/** A copy of TensorFlow.js, as the core's {@link VariableBackend}. */
export function createBackend(tf: TensorFlow): VariableBackend<Tensor> {
  return {
    lowering: createLowering(tf),
    sum: (scalars) => addAll(tf, scalars),
    chooser: (condition) => createChooser(tf, condition),
    scalar: (value) => tf.scalar(value, 'float32'),
    fill: (value, shape) => tf.tidy(() => tf.broadcastTo(tf.scalar(value), [...shape])),
    // A copy: on cpu the tensor takes over the array, and slots are updated in place.
    from: (values, shape) => tf.tensor(Float32Array.from(values), [...shape]),
    clone: (tensor) => tensor.clone(),
    reshape: (tensor, shape) => tf.reshape(tensor, [...shape]),
    assign: (variable, value) => (variable as Variable).assign(value),

    scope: (run) => tf.tidy(run as () => never),
    keep: (tensor) => tf.keep(tensor),
    dispose: (tensor) => tensor.dispose(),
    isDisposed: (tensor) => tensor.isDisposed,
    free(tensor) {
      // Scalars are left to `tf.tidy`: they are small, and a total may read the parts of one again.
      if (tensor.rank > 0) tensor.dispose()
    },

    // On cpu `data` returns the live array, and slots are updated in place.
    read: async (tensor) => (tf.getBackend() === 'cpu' ? tensor.dataSync().slice() : tensor.data()),
    async readScalars(scalars) {
      const packed = tf.tidy(() => tf.stack(scalars.map((x) => tf.cast(x, 'float32'))))
      const read = await packed.data()
      packed.dispose()
      return read
    },
    hostReader: () => hostReader(tf),
    // webgpu cannot read at once.
    waitingReader: () => (tf.getBackend() === 'webgpu' ? undefined : (tensor) => tensor.dataSync()),
    backendName: () => tf.getBackend(),
    backendSetter: 'tf.setBackend',
    memory: () => backendMemory(tf),
    device: () => backendDevice(tf),
    shaders: () => (isHalfPrecision(tf) ? undefined : backendShaders(tf)),
    isHalfPrecision: () => isHalfPrecision(tf),

    variable: (name) => variableNamed(tf, name),
    shape: (tensor) => tensor.shape,
    variables: () =>
      Object.values(tf.engine().registeredVariables).map(({ name, shape }) => ({ name, shape: [...shape] })),
    // TensorFlow.js appends a number when another variable has the same name.
    stemOf: (name) => name.replace(/_\d+$/, ''),
    // Kernels of layers are in × out.
    rowsAre: 'inputs',
    lossRequired:
      'and these are not the gradients of one computeGradients of this optimiser, whose loss is known: pass their loss (for a ' +
      'mean of gradients, the mean of the losses), as in applyGradients(gradients, loss)',
    warn,
  }
}

/**
 * A reader of single scalars for backends whose tensors are in the host's own memory, where reading a number neither
 * waits nor copies more than that number. `undefined` on devices: there a read would stall the queue (webgl) or is not
 * possible at all (webgpu), and the device has to decide.
 */
function hostReader(tf: TensorFlow): ((scalar: Tensor) => number) | undefined {
  if (!['cpu', 'wasm'].includes(tf.getBackend())) return undefined
  const backend = tf.backend() as { readSync?(dataId: object): ArrayLike<number> }
  if (!hasFunctions(backend, 'readSync')) return undefined
  return (scalar) => backend.readSync!(scalar.dataId)[0]!
}
