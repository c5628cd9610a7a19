import { compile, derivative, type Evaluate, type Formula } from './formula.js'

/** A point of the plane. */
export type Point = readonly [x: number, y: number]

/** The part of the plane that is drawn: `[left, bottom, right, top]`. */
export type View = readonly [left: number, bottom: number, right: number, top: number]

/** A surface to choose. */
export interface SurfaceChoice {
  readonly title: string
  readonly formula: string
  readonly start: Point
  readonly view: View
  readonly minima: readonly Point[]
}

const rootOfAckley = 'sqrt(0.5 * (x * x + y * y))'

/** The paper's five test functions, and others that show one thing each. The minimum of each is 0. */
export const surfaces = {
  rosenbrock: {
    title: 'Rosenbrock',
    formula: '(1 - x)^2 + 100 * (y - x^2)^2',
    start: [-1.2, 1.6],
    view: [-1.9, -0.9, 1.9, 2.9],
    minima: [[1, 1]],
  },
  beale: {
    title: 'Beale',
    formula: '(1.5 - x + x * y)^2 + (2.25 - x + x * y^2)^2 + (2.625 - x + x * y^3)^2',
    start: [0, 0],
    view: [-1, -1.75, 4.5, 1.75],
    minima: [[3, 0.5]],
  },
  himmelblau: {
    title: 'Himmelblau',
    formula: '(x^2 + y - 11)^2 + (x + y^2 - 7)^2',
    start: [0, 0],
    view: [-6, -6, 6, 6],
    minima: [
      [3, 2],
      [-2.805118086952745, 3.131312518250573],
      [-3.779310253377747, -3.28318599128617],
      [3.584428340330492, -1.848126526964404],
    ],
  },
  ackley: {
    title: 'Ackley',
    formula: `-20 * exp(-0.2 * ${rootOfAckley}) - exp(0.5 * (cos(2 * pi * x) + cos(2 * pi * y))) + 20 + e`,
    start: [2, 2],
    view: [-3.2, -3.2, 3.2, 3.2],
    minima: [[0, 0]],
  },
  rastrigin: {
    title: 'Rastrigin',
    formula: '20 + (x * x - 10 * cos(2 * pi * x)) + (y * y - 10 * cos(2 * pi * y))',
    start: [2, 2],
    view: [-3.2, -3.2, 3.2, 3.2],
    minima: [[0, 0]],
  },
  valley: {
    title: 'Bent valley',
    formula: '0.5 * (x - 1.2)^2 + 1.5 * (y - 0.45 * x^2)^2',
    start: [-1.6, 2.4],
    view: [-2.75, -0.75, 2.45, 3.25],
    minima: [[1.2, 0.648]],
  },
  saddle: {
    title: 'Saddle',
    formula: 'x^2 + 0.5 * (y^2 - 1)^2',
    start: [1.3, 0.01],
    view: [-1.6, -1.7, 1.6, 1.7],
    minima: [
      [0, -1],
      [0, 1],
    ],
  },
  plateau: {
    title: 'Plateau',
    formula: '1 - exp(-(x^2 + 3 * y^2))',
    start: [-1.5, 0.9],
    view: [-2.4, -1.6, 2.4, 1.6],
    minima: [[0, 0]],
  },
} as const satisfies Readonly<Record<string, SurfaceChoice>>

/** The name of a surface in addresses; `own` is one that the visitor types. */
export type SurfaceId = keyof typeof surfaces | 'own'

/** The variables of a loss. */
export const surfaceVariables = ['x', 'y'] as const

/** A loss with its gradient, ready to be evaluated. */
export interface Surface {
  readonly formula: Formula
  readonly gradientFormulas: readonly [Formula, Formula]
  readonly value: Evaluate
  readonly slopeX: Evaluate
  readonly slopeY: Evaluate
}

/** Prepares a loss. The gradient is symbolic. */
export function createSurface(formula: Formula): Surface {
  const gradientFormulas = [derivative(formula, 'x'), derivative(formula, 'y')] as const
  return {
    formula,
    gradientFormulas,
    value: compile(formula, surfaceVariables),
    slopeX: compile(gradientFormulas[0], surfaceVariables),
    slopeY: compile(gradientFormulas[1], surfaceVariables),
  }
}

/** The surface that a name and a typed formula mean. */
export function choiceOf(id: SurfaceId, own: string): SurfaceChoice {
  return id === 'own'
    ? { title: 'Your own', formula: own, start: [1.5, 1], view: [-2.5, -2.5, 2.5, 2.5], minima: [] }
    : surfaces[id]
}
