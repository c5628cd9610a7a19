import { InducedMetricError } from '@induced-metric/core'
import type { Equation, EquationState, Matrix } from '../network.js'

// brain.js's own backward functions write deltas where they should add to them, so that of two uses of a matrix only
// one counts, and leave negation out. These are the derivatives, added up.

type Operation = 'add' | 'multiply' | 'multiplyElement' | 'negative' | 'relu' | 'sigmoid' | 'tanh' | 'row'

/** An operation that a delta can be passed back through. */
interface Entry {
  readonly operation: Operation
  readonly state: EquationState
  /** Whether the right operand comes from outside, so that nobody wants its delta. */
  readonly isRightGiven: boolean
}

/** Propagates back through equations exactly. */
export interface Tape {
  /**
   * Sets the deltas of `parameters` to the gradient of a sequence, from the deltas of the equations' results.
   *
   * @param equations those that took part, in order
   */
  run(equations: readonly Equation[], parameters: readonly Matrix[], given: readonly Matrix[]): void
}

/** Prepares the propagation back. */
export function createTape(): Tape {
  const operations = new Map<unknown, Operation>()
  const entries = new WeakMap<Equation, readonly Entry[]>()

  const entriesOf = (equation: Equation, given: readonly Matrix[]): readonly Entry[] => {
    let found = entries.get(equation)
    if (found) return found
    if (operations.size === 0) probe(equation.constructor as new () => Equation, operations)
    const isLeaf = ({ product, left }: EquationState): boolean => left === undefined || left === product
    const outside = new Set(given)
    for (const state of equation.states) if (isLeaf(state) && state.product) outside.add(state.product)
    found = equation.states
      .filter((state) => !isLeaf(state))
      .map((state): Entry => {
        const operation = operations.get(state.forwardFn)
        if (operation === undefined) {
          throw new InducedMetricError(
            'ERR_NOT_SUPPORTED',
            `the derivative of ${state.forwardFn.name || 'an operation'} in this network's equations is not known: use ` +
              'exactGradients: false for its own',
          )
        }
        return { operation, state, isRightGiven: outside.has(state.right as Matrix) }
      })
    entries.set(equation, found)
    return found
  }

  return {
    run(equations, parameters, given) {
      const tape = equations.map((equation) => entriesOf(equation, given))
      for (const { deltas } of parameters) deltas.fill(0)
      for (const equation of equations) {
        // The result of the last operation is the equation's, whose delta is where it all begins.
        const { states } = equation
        for (let i = 0; i < states.length - 1; i++) states[i]!.product?.deltas.fill(0)
      }
      for (let t = tape.length - 1; t >= 0; t--) {
        const equation = tape[t]!
        for (let i = equation.length - 1; i >= 0; i--) passBack(equation[i]!)
      }
    },
  }
}

/** Finds out which forward function is which, from an equation that has one of each. */
function probe(Equation: new () => Equation, operations: Map<unknown, Operation>): void {
  const equation = new Equation()
  const scalar = (): Matrix => ({
    rows: 1,
    columns: 1,
    weights: new Float32Array(1),
    deltas: new Float32Array(1),
  })
  const build: readonly (readonly [Operation, () => unknown])[] = [
    ['add', () => equation.add(scalar(), scalar())],
    ['multiply', () => equation.multiply(scalar(), scalar())],
    ['multiplyElement', () => equation.multiplyElement(scalar(), scalar())],
    ['negative', () => equation.cloneNegative(scalar())],
    ['relu', () => equation.relu(scalar())],
    ['sigmoid', () => equation.sigmoid(scalar())],
    ['tanh', () => equation.tanh(scalar())],
    ['row', () => equation.inputMatrixToRow(scalar())],
  ]
  for (const [operation, make] of build) {
    make()
    operations.set(equation.states.at(-1)!.forwardFn, operation)
  }
}

function passBack({ operation, state, isRightGiven }: Entry): void {
  const product = state.product!
  const left = state.left!
  const { deltas, weights: results } = product
  const { length } = deltas
  switch (operation) {
    case 'add': {
      const to = left.deltas
      const other = (state.right as Matrix).deltas
      for (let i = 0; i < length; i++) {
        to[i]! += deltas[i]!
        other[i]! += deltas[i]!
      }
      return
    }
    case 'multiplyElement': {
      const right = state.right as Matrix
      for (let i = 0; i < length; i++) {
        left.deltas[i]! += right.weights[i]! * deltas[i]!
        right.deltas[i]! += left.weights[i]! * deltas[i]!
      }
      return
    }
    case 'multiply':
      passBackProduct(product, left, state.right as Matrix, isRightGiven)
      return
    case 'negative':
      for (let i = 0; i < length; i++) left.deltas[i]! -= deltas[i]!
      return
    case 'relu':
      for (let i = 0; i < length; i++) if (results[i]! > 0) left.deltas[i]! += deltas[i]!
      return
    case 'sigmoid':
      for (let i = 0; i < length; i++) left.deltas[i]! += results[i]! * (1 - results[i]!) * deltas[i]!
      return
    case 'tanh':
      for (let i = 0; i < length; i++) left.deltas[i]! += (1 - results[i]! * results[i]!) * deltas[i]!
      return
    case 'row': {
      const start = (state.right as number) * left.columns
      for (let i = 0; i < length; i++) left.deltas[start + i]! += deltas[i]!
    }
  }
}

/** C = AB: dA += dC·Bᵀ, dB += Aᵀ·dC. */
function passBackProduct(product: Matrix, left: Matrix, right: Matrix, isRightGiven: boolean): void {
  const { rows, columns: inner } = left
  const { columns } = right
  const [a, b, da, db] = [left.weights, right.weights, left.deltas, right.deltas]
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const delta = product.deltas[row * columns + column]!
      for (let k = 0; k < inner; k++) {
        const [i, j] = [row * inner + k, k * columns + column]
        da[i]! += delta * b[j]!
        if (!isRightGiven) db[j]! += a[i]! * delta
      }
    }
  }
}
