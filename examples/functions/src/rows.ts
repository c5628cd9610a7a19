import type { FunctionId } from './functions.js'

/** The six optimisers that the paper compares on these functions. */
export type OptimizerId = 'identity' | 'log' | 'rms' | 'adam' | 'sgd' | 'muon'

/** One published run: its settings (those the paper's search found best) and its outcome. */
export interface Row {
  readonly function: FunctionId
  readonly optimizer: OptimizerId
  readonly learningRate: number
  readonly momentum: number
  readonly beta2?: number
  readonly xi?: number
  readonly published: {
    /** Steps to the tolerance; null when it was not reached in 1000. */
    readonly iterations: number | null
    /** The last value, in three digits. */
    readonly value: string
  }
  /** The reason why another machine may give other figures. */
  readonly chaotic?: string
}

/** All thirty published runs. The average of the dual norm is off in all of them (β = 0), ε is 1e-8. */
export const rows: readonly Row[] = [
  {
    function: 'beale',
    optimizer: 'identity',
    learningRate: 0.1,
    momentum: 0.5,
    xi: 0.01,
    published: { iterations: 186, value: '9.46e-08' },
  },
  {
    function: 'beale',
    optimizer: 'log',
    learningRate: 0.1,
    momentum: 0.5,
    xi: 0.01,
    published: { iterations: 55, value: '8.88e-08' },
  },
  {
    function: 'beale',
    optimizer: 'rms',
    learningRate: 1,
    momentum: 0.75,
    beta2: 0.999,
    xi: 0.01,
    published: { iterations: 64, value: '5.91e-08' },
  },
  {
    function: 'beale',
    optimizer: 'adam',
    learningRate: 1,
    momentum: 0.75,
    beta2: 0.99,
    published: { iterations: 58, value: '1.40e-08' },
  },
  {
    function: 'beale',
    optimizer: 'sgd',
    learningRate: 0.01,
    momentum: 0.9,
    published: { iterations: 166, value: '9.20e-08' },
  },
  {
    function: 'beale',
    optimizer: 'muon',
    learningRate: 1,
    momentum: 0.9,
    beta2: 0.99,
    published: { iterations: 100, value: '2.64e-08' },
  },
  {
    function: 'rosenbrock',
    optimizer: 'identity',
    learningRate: 0.01,
    momentum: 0.99,
    xi: 0.1,
    published: { iterations: 203, value: '5.52e-08' },
  },
  {
    function: 'rosenbrock',
    optimizer: 'log',
    learningRate: 10,
    momentum: 0.01,
    xi: 10,
    published: { iterations: 500, value: '8.42e-08' },
    chaotic: 'zigzag across the valley at learning rate 10: 304 to 999 steps, depending on rounding',
  },
  {
    function: 'rosenbrock',
    optimizer: 'rms',
    learningRate: 0.01,
    momentum: 0.9,
    beta2: 0.99,
    xi: 0.01,
    published: { iterations: 425, value: '9.32e-08' },
  },
  {
    function: 'rosenbrock',
    optimizer: 'adam',
    learningRate: 0.01,
    momentum: 0.9,
    beta2: 0.9,
    published: { iterations: 402, value: '3.44e-08' },
  },
  {
    function: 'rosenbrock',
    optimizer: 'sgd',
    learningRate: 0.001,
    momentum: 0.99,
    published: { iterations: 732, value: '5.36e-08' },
  },
  {
    function: 'rosenbrock',
    optimizer: 'muon',
    learningRate: 0.1,
    momentum: 0.99,
    beta2: 0.999,
    published: { iterations: 426, value: '3.94e-08' },
    chaotic: 'rounding in the last bit decides between about 267, 426 and 580 steps',
  },
  {
    function: 'himmelblau',
    optimizer: 'identity',
    learningRate: 0.01,
    momentum: 0.5,
    xi: 0.01,
    published: { iterations: 197, value: '8.71e-07' },
  },
  {
    function: 'himmelblau',
    optimizer: 'log',
    learningRate: 10,
    momentum: 0.1,
    xi: 10,
    published: { iterations: 13, value: '7.30e-07' },
  },
  {
    function: 'himmelblau',
    optimizer: 'rms',
    learningRate: 10,
    momentum: 0,
    beta2: 0.85,
    xi: 0.01,
    published: { iterations: 19, value: '8.08e-07' },
  },
  {
    function: 'himmelblau',
    optimizer: 'adam',
    learningRate: 10,
    momentum: 0,
    beta2: 0.8,
    published: { iterations: 10, value: '1.87e-07' },
  },
  {
    function: 'himmelblau',
    optimizer: 'sgd',
    learningRate: 0.01,
    momentum: 0.25,
    published: { iterations: 18, value: '3.69e-08' },
  },
  {
    function: 'himmelblau',
    optimizer: 'muon',
    learningRate: 10,
    momentum: 0,
    beta2: 0.8,
    published: { iterations: 10, value: '1.87e-07' },
  },
  {
    function: 'ackley',
    optimizer: 'identity',
    learningRate: 1,
    momentum: 0.1,
    xi: 1,
    published: { iterations: null, value: '7.29e-04' },
    chaotic:
      'chaotic for all 1000 steps: of 2000 runs that differ only in rounding, 5 end as low as the published one',
  },
  {
    function: 'ackley',
    optimizer: 'log',
    learningRate: 10,
    momentum: 0,
    xi: 10,
    published: { iterations: 10, value: '2.20e-11' },
  },
  {
    function: 'ackley',
    optimizer: 'rms',
    learningRate: 1,
    momentum: 0.9,
    beta2: 0.85,
    xi: 10,
    published: { iterations: null, value: '6.64e-03' },
  },
  {
    function: 'ackley',
    optimizer: 'adam',
    learningRate: 1,
    momentum: 0.25,
    beta2: 0.999,
    published: { iterations: null, value: '3.54e-01' },
    chaotic: 'chaotic for all 1000 steps: rounding alone ends it anywhere between 8e-8 and 16',
  },
  {
    function: 'ackley',
    optimizer: 'sgd',
    learningRate: 0.1,
    momentum: 0.1,
    published: { iterations: null, value: '2.44e+00' },
    chaotic: 'chaotic for all 1000 steps: rounding alone ends it anywhere between 9e-4 and 4.4',
  },
  {
    function: 'ackley',
    optimizer: 'muon',
    learningRate: 1,
    momentum: 0.99,
    beta2: 0.999,
    published: { iterations: null, value: '3.23e-02' },
  },
  {
    function: 'rastrigin',
    optimizer: 'identity',
    learningRate: 1,
    momentum: 0.1,
    xi: 0.1,
    published: { iterations: 599, value: '8.14e-07' },
    chaotic: 'chaotic at learning rate 1: 37 of 2000 runs that differ only in rounding arrive at all',
  },
  {
    function: 'rastrigin',
    optimizer: 'log',
    learningRate: 10,
    momentum: 0.5,
    xi: 1,
    published: { iterations: 17, value: '1.74e-07' },
  },
  {
    function: 'rastrigin',
    optimizer: 'rms',
    learningRate: 10,
    momentum: 0.1,
    beta2: 0.9,
    xi: 1,
    published: { iterations: 913, value: '2.16e-07' },
    chaotic:
      'chaotic at learning rate 10: 66 of 2000 runs that differ only in rounding arrive, after 63 to 1000 steps',
  },
  {
    function: 'rastrigin',
    optimizer: 'adam',
    learningRate: 10,
    momentum: 0.99,
    beta2: 0.999,
    published: { iterations: null, value: '4.21e-02' },
    chaotic: 'chaotic at learning rate 10: rounding alone ends it anywhere between 1e-12 and 800',
  },
  {
    function: 'rastrigin',
    optimizer: 'sgd',
    learningRate: 1,
    momentum: 0.5,
    published: { iterations: 2, value: '0.00e+00' },
  },
  {
    function: 'rastrigin',
    optimizer: 'muon',
    learningRate: 1,
    momentum: 0.99,
    beta2: 0.99,
    published: { iterations: 14, value: '4.78e-08' },
  },
]
