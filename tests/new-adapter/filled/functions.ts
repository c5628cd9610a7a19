/** The bodies of the functions to fill in, for the framework in this folder, by file and name. */
export const bodies: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'packages/NAME/test/conformance/targets.js': {
    modelOf: `
      const layers = parameters.map(({ name, shape, data }) => {
        return { name, shape, weights: data, gradients: /** @type {TypedArray | null} */ (null) }
      })
      return { layers, update: () => {} }`,
    train: `
      model.layers.forEach((layer, i) => (layer.gradients = gradients[i] ?? null))
      model.update(loss)`,
  },
  'examples/NAME/src/fit.ts': {
    createModel: `
      const layer = (name: string) => ({ name, shape: [1], weights: new Float32Array(1), gradients: new Float32Array(1) })
      return { layers: [layer('weight'), layer('bias')], update: () => {} }`,
    train: `
      const [weight, bias] = model.layers
      const error = weight!.weights[0]! * x + bias!.weights[0]! - y
      weight!.gradients![0] = 2 * error * x
      bias!.gradients![0] = 2 * error
      model.update(error ** 2)
      return error ** 2`,
  },
}

/** A model of one layer, tanh(w·x + b) under squared error, differentiated by hand. */
const differentiated = `
const points = [[[0.5, -1], 0.25], [[1.5, 0.25], -0.5], [[-0.75, 2], 0.75]] as const

function differentiateByHand(weight: ArrayLike<number>, bias: ArrayLike<number>, examples: number) {
  const gradients = [new Float32Array(2), new Float32Array(1)] as const
  let loss = 0
  for (const [[a, b], y] of points.slice(0, examples)) {
    const z = Math.tanh(weight[0]! * a + weight[1]! * b + bias[0]!)
    const back = (2 * (z - y) * (1 - z * z)) / examples
    loss += (z - y) ** 2 / examples
    gradients[0][0]! += back * a
    gradients[0][1]! += back * b
    gradients[1][0]! += back
  }
  return { loss, gradients }
}

export const shapes = { weight: [1, 2], bias: [1] }
`

/** Whole files, by the adapter's kind or form. */
export const files: Readonly<Record<'arrays' | 'tensors' | 'trainer', Readonly<Record<string, string>>>> = {
  arrays: {
    'test/support/model.ts': `
import type { Model } from '../../src/framework.js'
${differentiated}
export const learningRate = 0.05

export function createModel(): Model {
  const layer = (name: string, shape: number[], ...values: number[]) => {
    return { name, shape, weights: Float32Array.from(values), gradients: new Float32Array(values.length) }
  }
  const layers = [layer('weight', [1, 2], 0.3, -0.6), layer('bias', [1], 0.1)]
  const update = () => {
    for (const { weights, gradients } of layers) weights.forEach((w, i) => (weights[i] = w - learningRate * gradients[i]!))
  }
  return { layers, update }
}

export function trainOn(model: Model, examples: number): void {
  const [weight, bias] = model.layers
  const { loss, gradients } = differentiateByHand(weight!.weights, bias!.weights, examples)
  model.layers.forEach((layer, i) => (layer.gradients = gradients[i]!))
  model.update(loss)
}
`,
  },
  tensors: {
    'test/support/model.ts': `
import { tensors, type Tensor, type Variable } from '../../src/index.js'
${differentiated}
export function createVariables(): Variable[] {
  const of = (...values: number[]) => Float32Array.from(values)
  return [
    { name: 'weight', value: tensors.from(of(0.3, -0.6), [1, 2]) },
    { name: 'bias', value: tensors.from(of(0.1), [1]) },
  ]
}

export function differentiate(variables: readonly Variable[], examples: number) {
  const [weight, bias] = variables.map(({ value }) => tensors.read(value))
  const { loss, gradients } = differentiateByHand(weight!, bias!, examples)
  return { loss, gradients: gradients.map((values, i): Tensor | null => tensors.from(values, tensors.shape(variables[i]!.value))) }
}

export function stepByFramework(variables: readonly Variable[], gradients: readonly (Tensor | null)[], learningRate: number): void {
  variables.forEach((variable, i) => {
    const gradient = tensors.read(gradients[i]!)
    const moved = Float32Array.from(tensors.read(variable.value), (w, k) => w - learningRate * gradient[k]!)
    variable.value = tensors.from(moved, tensors.shape(variable.value))
  })
}
`,
  },
  trainer: {
    'src/framework.ts': `
import type { Parameter, TypedArray } from '@induced-metric/core'

export interface Layer { readonly name: string; readonly shape: readonly number[]; readonly weights: TypedArray; gradients: TypedArray | null }
export interface Model {
  readonly layers: readonly Layer[]
  readonly propagate: (input: readonly number[], target: number) => number | undefined
}
export type Input = readonly number[]
export type Target = number

export function parametersOf(model: Model): Parameter[] {
  return model.layers.map(({ name, shape, weights }) => ({ name, shape, data: weights }))
}
export function differentiate(model: Model, input: Input, target: Target): number | undefined {
  return model.propagate(input, target)
}
export function gradientsOf(model: Model): (TypedArray | null)[] {
  return model.layers.map(({ gradients }) => gradients)
}
export function clearGradients(model: Model): void {
  for (const { gradients } of model.layers) gradients?.fill(0)
}
`,
    'test/support/model.ts': `
import type { Input, Model, Target } from '../../src/framework.js'

export const shapes = { weight: [1, 2], bias: [1] }
export const examples: readonly (readonly [input: Input, target: Target])[] = [[[0.5, -1], 0.25], [[1.5, 0.25], -0.5], [[-0.75, 2], 0.75]]

export function createModel(): Model {
  const layer = (name: string, shape: number[], ...values: number[]) => {
    return { name, shape, weights: Float32Array.from(values), gradients: new Float32Array(values.length) }
  }
  const layers = [layer('weight', [1, 2], 0.3, -0.6), layer('bias', [1], 0.1)] as const
  const propagate = ([a = 0, b = 0]: Input, y: Target) => {
    const [{ weights, gradients }, bias] = layers
    const z = Math.tanh(weights[0]! * a + weights[1]! * b + bias.weights[0]!)
    const back = 2 * (z - y) * (1 - z * z)
    gradients[0]! += back * a
    gradients[1]! += back * b
    bias.gradients[0]! += back
    return (z - y) ** 2
  }
  return { layers, propagate }
}

export function trainByFramework(model: Model, batch: typeof examples, learningRate: number): void {
  for (const { gradients } of model.layers) gradients?.fill(0)
  for (const [input, target] of batch) model.propagate(input, target)
  for (const { weights, gradients } of model.layers) {
    weights.forEach((w, i) => (weights[i] = w - (learningRate * gradients![i]!) / batch.length))
  }
}
`,
  },
}

/** The bodies of the functions to fill in of an adapter with a trainer. */
export const trainerBodies: typeof bodies = {
  'packages/NAME/test/conformance/targets.js': {
    modelOf: `
      const layers = parameters.map(({ name, shape, data }) => {
        return { name, shape, weights: data, gradients: /** @type {TypedArray | null} */ (null) }
      })
      /** @type {(input: any, loss: any) => number | undefined} */
      const propagate = (gradients, loss) => {
        layers.forEach((layer, i) => (layer.gradients = gradients[i] && gradients[i].slice()))
        return loss
      }
      return { layers, propagate }`,
    exampleOf: `
      return /** @type {[any, any]} */ ([model && gradients, loss])`,
  },
  'examples/NAME/src/fit.ts': {
    createModel: `
      const layer = (name: string) => ({ name, shape: [1], weights: new Float32Array(1), gradients: new Float32Array(1) })
      const layers = [layer('weight'), layer('bias')] as const
      const propagate = ([x = 0]: Input, y: Target) => {
        const [weight, bias] = layers
        const error = weight.weights[0]! * x + bias.weights[0]! - y
        weight.gradients[0]! += 2 * error * x
        bias.gradients[0]! += 2 * error
        return error ** 2
      }
      return { layers, propagate }`,
    exampleOf: `
      return [[x], y]`,
  },
}
