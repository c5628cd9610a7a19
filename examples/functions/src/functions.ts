/** A point of the plane. */
export type Point = readonly [x: number, y: number]

/** A function of two variables to minimise, with the paper's settings. */
export interface TestFunction {
  readonly id: FunctionId
  readonly title: string
  readonly value: (x: number, y: number) => number
  readonly gradient: (x: number, y: number) => Point
  readonly start: Point
  /** A run ends at the first step whose value is at most this. */
  readonly tolerance: number
  readonly minima: readonly Point[]
  /** The part of the plane worth drawing: `[left, bottom, right, top]`. */
  readonly view: readonly [number, number, number, number]
}

/** Names of the five functions. */
export type FunctionId = 'beale' | 'rosenbrock' | 'himmelblau' | 'ackley' | 'rastrigin'

const { PI, E, cos, exp, sin, sqrt } = Math

/** The five test functions of the paper; the minimum of each is 0. */
export const testFunctions: Readonly<Record<FunctionId, TestFunction>> = {
  beale: {
    id: 'beale',
    title: 'Beale',
    value: (x, y) => (1.5 - x + x * y) ** 2 + (2.25 - x + x * y ** 2) ** 2 + (2.625 - x + x * y ** 3) ** 2,
    gradient: (x, y) => {
      const [a, b, c] = [1.5 - x + x * y, 2.25 - x + x * y ** 2, 2.625 - x + x * y ** 3]
      return [
        2 * a * (y - 1) + 2 * b * (y ** 2 - 1) + 2 * c * (y ** 3 - 1),
        2 * a * x + 4 * b * x * y + 6 * c * x * y ** 2,
      ]
    },
    start: [0, 0],
    tolerance: 1e-7,
    minima: [[3, 0.5]],
    view: [-1, -1.5, 4.5, 1.5],
  },
  rosenbrock: {
    id: 'rosenbrock',
    title: 'Rosenbrock',
    value: (x, y) => (1 - x) ** 2 + 100 * (y - x ** 2) ** 2,
    gradient: (x, y) => [-2 * (1 - x) - 400 * x * (y - x ** 2), 200 * (y - x ** 2)],
    start: [0, 0],
    tolerance: 1e-7,
    minima: [[1, 1]],
    view: [-0.5, -0.5, 1.8, 1.8],
  },
  himmelblau: {
    id: 'himmelblau',
    title: 'Himmelblau',
    value: (x, y) => (x ** 2 + y - 11) ** 2 + (x + y ** 2 - 7) ** 2,
    gradient: (x, y) => [
      4 * x * (x ** 2 + y - 11) + 2 * (x + y ** 2 - 7),
      2 * (x ** 2 + y - 11) + 4 * y * (x + y ** 2 - 7),
    ],
    start: [0, 0],
    tolerance: 1e-6,
    minima: [
      [3, 2],
      [-2.805118086952745, 3.131312518250573],
      [-3.779310253377747, -3.28318599128617],
      [3.584428340330492, -1.848126526964404],
    ],
    view: [-6, -6, 6, 6],
  },
  ackley: {
    id: 'ackley',
    title: 'Ackley',
    value: (x, y) =>
      -20 * exp(-0.2 * sqrt(0.5 * (x * x + y * y))) - exp(0.5 * (cos(2 * PI * x) + cos(2 * PI * y))) + 20 + E,
    gradient: (x, y) => {
      const radius = sqrt(0.5 * (x * x + y * y))
      const cone = (2 * exp(-0.2 * radius)) / radius
      const waves = PI * exp(0.5 * (cos(2 * PI * x) + cos(2 * PI * y)))
      return [cone * x + waves * sin(2 * PI * x), cone * y + waves * sin(2 * PI * y)]
    },
    start: [2, 2],
    tolerance: 1e-6,
    minima: [[0, 0]],
    view: [-3.2, -3.2, 3.2, 3.2],
  },
  rastrigin: {
    id: 'rastrigin',
    title: 'Rastrigin',
    value: (x, y) => 20 + (x * x - 10 * cos(2 * PI * x)) + (y * y - 10 * cos(2 * PI * y)),
    gradient: (x, y) => [2 * x + 20 * PI * sin(2 * PI * x), 2 * y + 20 * PI * sin(2 * PI * y)],
    start: [2, 2],
    tolerance: 1e-6,
    minima: [[0, 0]],
    view: [-3.2, -3.2, 3.2, 3.2],
  },
}
