import * as tf from '@tensorflow/tfjs'
import { createOptimizer, type Optimizer, type Transformation } from '@induced-metric/core'

/** The number of tensors and buffers that exist now. */
export function memory(): { numTensors: number; numDataBuffers: number } {
  const { numTensors, numDataBuffers } = tf.memory()
  return { numTensors, numDataBuffers }
}

/** Standard normal numbers, the same for the same seed. */
export function normal(shape: number[], seed: number): tf.Tensor {
  return tf.randomNormal(shape, 0, 1, 'float32', seed)
}

/** The current values of tensors. */
export async function values(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  return Promise.all(tensors.map(async (tensor) => Float32Array.from(await tensor.data())))
}

/** The current weights of a model. */
export async function weightsOf(model: tf.LayersModel): Promise<Float32Array[]> {
  return values(variablesOf(model))
}

/** The trainable variables of a model, in its order. */
export function variablesOf(model: tf.LayersModel): tf.Variable[] {
  return model.trainableWeights.map((weight) => weight.read() as tf.Variable)
}

/** The largest difference, relative to the largest number expected. */
export function distance(got: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): number {
  if (got.length !== expected.length) return Infinity
  let difference = 0
  let size = 0
  expected.forEach((values, i) => {
    for (let j = 0; j < values.length; j++) {
      const d = Math.abs(got[i]![j]! - values[j]!)
      if (!(d <= difference)) difference = d
      size = Math.max(size, Math.abs(values[j]!))
    }
  })
  return difference / size
}

/** A dense network whose initial weights depend on the seed only. */
export function network(
  units: readonly number[],
  options: {
    readonly inputs: number
    readonly seed?: number
    readonly prefix?: string
    readonly activation?: 'tanh' | 'relu'
    readonly last?: 'linear' | 'sigmoid'
    readonly regularizer?: number
  },
): tf.Sequential {
  const {
    inputs,
    seed = 1,
    prefix = `net${networks++}`,
    activation = 'tanh',
    last = 'linear',
    regularizer,
  } = options
  return tf.sequential({
    layers: units.map((unit, i) =>
      tf.layers.dense({
        name: `${prefix}_${i}`,
        units: unit,
        activation: i === units.length - 1 ? last : activation,
        kernelInitializer: tf.initializers.glorotUniform({ seed: seed + i }),
        ...(i === 0 && { inputShape: [inputs] }),
        ...(regularizer !== undefined && { kernelRegularizer: tf.regularizers.l2({ l2: regularizer }) }),
      }),
    ),
  })
}

let networks = 0

/** Points in the plane, of two classes that no line separates. */
export function rings(points: number, seed = 3): { x: tf.Tensor2D; y: tf.Tensor2D } {
  return tf.tidy(() => {
    const x = normal([points, 2], seed) as tf.Tensor2D
    const y = x.square().sum(1, true).greater(1.2).toFloat() as tf.Tensor2D
    return { x, y }
  })
}

/** A linear map with a little noise. */
export function line(points: number, seed = 5): { x: tf.Tensor2D; y: tf.Tensor2D } {
  return tf.tidy(() => {
    const x = normal([points, 3], seed) as tf.Tensor2D
    const y = x
      .matMul(tf.tensor2d([[1], [-2], [0.5]]))
      .add(0.3)
      .add(normal([points, 1], seed + 1).mul(0.05)) as tf.Tensor2D
    return { x, y }
  })
}

/** The core's reference engine on copies of variables, which shows what the variables must become. */
export async function mirror(
  transformation: Transformation,
  variables: readonly tf.Variable[],
  groupOf: (name: string) => string | undefined = () => undefined,
): Promise<Mirror> {
  const data = await values(variables)
  const parameters = variables.map(({ name, shape }, i) => {
    const group = groupOf(name)
    return { name, shape, data: data[i]!, ...(group !== undefined && { group }) }
  })
  const optimizer = createOptimizer(transformation, parameters, { engine: 'reference' })
  return {
    optimizer,
    data,
    /** Takes the step that `minimize(f)` would take from here; variables in `without` have no gradient. */
    async step(f, without = []) {
      const trained = variables.filter((variable) => !without.includes(variable))
      const { value, grads } = tf.variableGrads(f, [...trained])
      const gradients: (Float32Array | null)[] = []
      for (const variable of variables) {
        const gradient = without.includes(variable) ? undefined : grads[variable.name]
        gradients.push(gradient ? Float32Array.from(await gradient.data()) : null)
      }
      const [loss] = await value.data()
      tf.dispose([grads, value])
      optimizer.step(gradients, { loss: loss! })
    },
  }
}

interface Mirror {
  readonly optimizer: Optimizer
  readonly data: readonly Float32Array[]
  step(f: () => tf.Scalar, without?: readonly tf.Variable[]): Promise<void>
}
