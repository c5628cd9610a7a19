import { openDigits, mnist } from './mnist.js'
import { noisyQuadratic } from './noisyQuadratic.js'
import { online } from './online.js'
import { regression } from './regression.js'
import type { Problem, Task } from './task.js'

/** Tasks of the study, changed in a way that may break a recipe. */
export const harder: readonly Task[] = [
  withLargeWeights(mnist, 3),
  withLargeWeights(regression, 2),
  withFirstLoss(mnist, 10),
  withFirstLoss(regression, 10),
  withFirstLoss(mnist, 0.1),
  withFirstLoss(regression, 0.1),
  online,
  lifted(mnist, 1),
  lifted(regression, 1),
  lifted(noisyQuadratic, 1),
  {
    ...mnist,
    id: 'mnist-corrupt',
    title: 'MNIST, corrupt batches',
    description: 'In 2 % of the steps the pictures are a hundred times too bright.',
    isHarder: true,
    open: (seed) => openDigits(seed, { corrupt: 0.02 }),
  },
  inSinglePrecision(noisyQuadratic),
]

/** Scales all initial parameters, and with them the first loss. */
export function withLargeWeights(task: Task, times: number): Task {
  return {
    ...task,
    id: `${task.id}-large`,
    title: `${task.title}, weights × ${times}`,
    description: `All initial weights are ${times} times as large.`,
    isHarder: true,
    async open(seed) {
      const problem = await task.open(seed)
      for (const { data } of problem.parameters) data.forEach((value, i) => (data[i] = times * value))
      return problem
    },
  }
}

/** Reports too large or too small a loss in the first step only. */
export function withFirstLoss(task: Task, times: number): Task {
  return {
    ...task,
    id: `${task.id}-first-${times > 1 ? 'high' : 'low'}`,
    title: `${task.title}, first loss × ${times}`,
    description: `In the first step the optimiser reads ${times} times the loss.`,
    isHarder: true,
    async open(seed) {
      const problem = await task.open(seed)
      return {
        ...problem,
        differentiate: async (step) => (await problem.differentiate(step)) * (step === 1 ? times : 1),
      }
    },
  }
}

/** Adds a constant to the loss that the optimisers read; the final loss is without it. */
export function lifted(task: Task, by: number): Task {
  return {
    ...task,
    id: `${task.id}-lifted`,
    title: `${task.title}, loss + ${by}`,
    description: `The optimiser reads the loss plus ${by}; the final loss is without it.`,
    floor: by,
    isHarder: true,
    async open(seed) {
      const problem = await task.open(seed)
      return { ...problem, differentiate: async (step) => (await problem.differentiate(step)) + by }
    },
  }
}

/** The parameters and the gradients in float32, as in most frameworks. */
export function inSinglePrecision(task: Task): Task {
  return {
    ...task,
    id: `${task.id}-single`,
    title: `${task.title}, float32`,
    description: 'Parameters, gradients and the memory of the optimisers are in single precision.',
    isHarder: true,
    async open(seed): Promise<Problem> {
      const { parameters, gradients, ...problem } = await task.open(seed)
      const single = parameters.map((parameter) => ({
        ...parameter,
        data: Float32Array.from(parameter.data),
      }))
      const rounded = gradients.map((gradient) => new Float32Array(gradient.length))
      const load = (): void => parameters.forEach(({ data }, place) => data.set(single[place]!.data))
      return {
        ...problem,
        parameters: single,
        gradients: rounded,
        async differentiate(step) {
          load()
          const loss = await problem.differentiate(step)
          rounded.forEach((gradient, place) => gradient.set(gradients[place]!))
          return Math.fround(loss)
        },
        evaluate() {
          load()
          return problem.evaluate()
        },
      }
    },
  }
}
