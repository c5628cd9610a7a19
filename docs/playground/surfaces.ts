import {
  binary,
  call,
  literal,
  negate,
  variable,
  type BinaryOp,
  type Formula,
  type FunctionName,
} from './formula.js'
import { parserOf } from './parser.js'
import { surfaceVariables } from './surface.js'

/** A point of the plane. */
export type Point = readonly [x: number, y: number]

/** The part of the plane that is drawn: `[left, bottom, right, top]`. */
export type View = readonly [left: number, bottom: number, right: number, top: number]

/** A surface to choose. */
export interface SurfaceChoice {
  readonly title: string
  readonly start: Point
  readonly view: View
  readonly minima: readonly Point[]
}

// The losses are written as trees, so that the page needs no parser before a visitor types one.
type Part = Formula | number
const part = (given: Part): Formula => (typeof given === 'number' ? literal(given) : given)
/** `left op right op …`, from the left. */
const chain =
  (op: BinaryOp) =>
  (first: Part, ...rest: readonly Part[]): Formula =>
    rest.reduce<Formula>((left, right) => binary(op, left, part(right)), part(first))
const [sum, less, times] = [chain('+'), chain('-'), chain('*')]
const power = (base: Formula, exponent: number): Formula => binary('^', base, literal(exponent))
const square = (base: Formula): Formula => power(base, 2)
const named =
  (name: FunctionName) =>
  (argument: Formula): Formula =>
    call(name, argument)
const [exp, cos, sqrt] = [named('exp'), named('cos'), named('sqrt')]
const [x, y] = [variable('x'), variable('y')]
/** cos 2πt */
const wave = (t: Formula): Formula => cos(times(2, Math.PI, t))

/** The paper's five test functions, and others that show one thing each. The minimum of each is 0. */
export const surfaces = {
  rosenbrock: {
    title: 'Rosenbrock',
    formula: sum(square(less(1, x)), times(100, square(less(y, square(x))))),
    start: [-1.2, 1.6],
    view: [-1.9, -0.9, 1.9, 2.9],
    minima: [[1, 1]],
  },
  beale: {
    title: 'Beale',
    formula: sum(
      square(sum(less(1.5, x), times(x, y))),
      square(sum(less(2.25, x), times(x, square(y)))),
      square(sum(less(2.625, x), times(x, power(y, 3)))),
    ),
    start: [0, 0],
    view: [-1, -1.75, 4.5, 1.75],
    minima: [[3, 0.5]],
  },
  himmelblau: {
    title: 'Himmelblau',
    formula: sum(square(less(sum(square(x), y), 11)), square(less(sum(x, square(y)), 7))),
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
    formula: sum(
      less(
        times(-20, exp(times(-0.2, sqrt(times(0.5, sum(times(x, x), times(y, y))))))),
        exp(times(0.5, sum(wave(x), wave(y)))),
      ),
      20,
      Math.E,
    ),
    start: [2, 2],
    view: [-3.2, -3.2, 3.2, 3.2],
    minima: [[0, 0]],
  },
  rastrigin: {
    title: 'Rastrigin',
    formula: sum(20, less(times(x, x), times(10, wave(x))), less(times(y, y), times(10, wave(y)))),
    start: [2, 2],
    view: [-3.2, -3.2, 3.2, 3.2],
    minima: [[0, 0]],
  },
  valley: {
    title: 'Bent valley',
    formula: sum(times(0.5, square(less(x, 1.2))), times(1.5, square(less(y, times(0.45, square(x)))))),
    start: [-1.6, 2.4],
    view: [-2.75, -0.75, 2.45, 3.25],
    minima: [[1.2, 0.648]],
  },
  saddle: {
    title: 'Saddle',
    formula: sum(square(x), times(0.5, square(less(square(y), 1)))),
    start: [1.3, 0.01],
    view: [-1.6, -1.7, 1.6, 1.7],
    minima: [
      [0, -1],
      [0, 1],
    ],
  },
  plateau: {
    title: 'Plateau',
    formula: less(1, exp(negate(sum(square(x), times(3, square(y)))))),
    start: [-1.5, 0.9],
    view: [-2.4, -1.6, 2.4, 1.6],
    minima: [[0, 0]],
  },
} as const satisfies Readonly<Record<string, SurfaceChoice & { readonly formula: Formula }>>

/** The name of a surface in addresses; `own` is one that the visitor types. */
export type SurfaceId = keyof typeof surfaces | 'own'

/** The surface that a name means. */
export function choiceOf(id: SurfaceId): SurfaceChoice {
  return id === 'own'
    ? { title: 'Your own', start: [1.5, 1], view: [-2.5, -2.5, 2.5, 2.5], minima: [] }
    : surfaces[id]
}

/**
 * The loss that a name and a typed text mean. For `own`, the parser must have been loaded.
 *
 * @throws FormulaError for a text that is none
 */
export function formulaOf({ surface, formula }: { surface: SurfaceId; formula: string }): Formula {
  return surface === 'own' ? parserOf()(formula, surfaceVariables) : surfaces[surface].formula
}
