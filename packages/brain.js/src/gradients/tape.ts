import { unsupported } from '@induced-metric/core/adapter'
import type { Equation, EquationState, Matrix } from '../network.js'

// brain.js's own backward functions assign deltas where they should add to them, so that of two uses of a matrix only
// one counts, and negation passes nothing back. These are the derivatives, added up.

/**
 * Adds to the deltas of an operation's operands.
 *
 * @param state of the operation. The network may replace its members between two sequences.
 * @param isRightGiven whether the right operand is given from outside, so that nobody needs its delta
 */
type PassBack = (state: Required<EquationState>, isRightGiven: boolean) => void

/** The derivative of each operation, by the method of an equation that records it. */
const derivatives = {
  add({ product: { deltas }, left, right }) {
    const { deltas: other } = right as Matrix
    for (let i = 0; i < deltas.length; i++) {
      left.deltas[i]! += deltas[i]!
      other[i]! += deltas[i]!
    }
  },
  multiply({ product, left, right }, isRightGiven) {
    // C = AB: dA += dC·Bᵀ, dB += Aᵀ·dC.
    const { columns, weights: b, deltas: db } = right as Matrix
    const { rows, columns: inner, weights: a, deltas: da } = left
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
  },
  multiplyElement({ product: { deltas }, left, right }) {
    const other = right as Matrix
    for (let i = 0; i < deltas.length; i++) {
      left.deltas[i]! += other.weights[i]! * deltas[i]!
      other.deltas[i]! += left.weights[i]! * deltas[i]!
    }
  },
  cloneNegative({ product: { deltas }, left }) {
    for (let i = 0; i < deltas.length; i++) left.deltas[i]! -= deltas[i]!
  },
  relu({ product: { deltas, weights }, left }) {
    for (let i = 0; i < deltas.length; i++) if (weights[i]! > 0) left.deltas[i]! += deltas[i]!
  },
  sigmoid({ product: { deltas, weights }, left }) {
    for (let i = 0; i < deltas.length; i++) left.deltas[i]! += weights[i]! * (1 - weights[i]!) * deltas[i]!
  },
  tanh({ product: { deltas, weights }, left }) {
    for (let i = 0; i < deltas.length; i++) left.deltas[i]! += (1 - weights[i]! * weights[i]!) * deltas[i]!
  },
  inputMatrixToRow({ product: { deltas }, left, right }) {
    const start = (right as number) * left.columns
    for (let i = 0; i < deltas.length; i++) left.deltas[start + i]! += deltas[i]!
  },
} satisfies Partial<Record<keyof Equation, PassBack>>

/** An operation of an equation, with its derivative. */
interface Entry {
  readonly passBack: PassBack
  readonly state: Required<EquationState>
  readonly isRightGiven: boolean
}

/** Propagates back through equations exactly. */
export interface Tape {
  /**
   * Sets the deltas of `parameters` to the gradient of a sequence, from the deltas of the equations' results.
   *
   * @param equations those that took part, in order
   * @param given the matrices that come from outside
   * @throws ERR_NOT_SUPPORTED for an operation whose derivative is not known
   */
  run(equations: readonly Equation[], parameters: readonly Matrix[], given: readonly Matrix[]): void
}

/** Prepares back-propagation. */
export function createTape(): Tape {
  /** By the operation's forward function. */
  let known: ReadonlyMap<unknown, PassBack> | undefined
  const entries = new WeakMap<Equation, readonly Entry[]>()

  const entriesOf = (equation: Equation, given: readonly Matrix[]): readonly Entry[] => {
    let found = entries.get(equation)
    if (found) return found
    known ??= recognise(equation.constructor as new () => Equation)
    const isLeaf = ({ product, left }: EquationState): boolean => left === undefined || left === product
    const outside = new Set(given)
    for (const state of equation.states) if (isLeaf(state) && state.product) outside.add(state.product)
    found = equation.states
      .filter((state): state is Required<EquationState> => !isLeaf(state))
      .map((state): Entry => {
        const { forwardFn, right } = state
        const passBack = known!.get(forwardFn)
        if (passBack === undefined) {
          throw unsupported(
            `the derivative of ${forwardFn.name || 'an operation'} in this network's equations is not known: use ` +
              'exactGradients: false for its own',
          )
        }
        return { passBack, state, isRightGiven: outside.has(right as Matrix) }
      })
    entries.set(equation, found)
    return found
  }

  return {
    run(equations, parameters, given) {
      const tape = equations.map((equation) => entriesOf(equation, given))
      for (const { deltas } of parameters) deltas.fill(0)
      for (const { states } of equations) {
        // The product of the last operation is the equation's result: back-propagation starts from its delta.
        for (let i = 0; i < states.length - 1; i++) states[i]!.product?.deltas.fill(0)
      }
      for (let t = tape.length - 1; t >= 0; t--) {
        const equation = tape[t]!
        for (let i = equation.length - 1; i >= 0; i--) {
          const { passBack, state, isRightGiven } = equation[i]!
          passBack(state, isRightGiven)
        }
      }
    },
  }
}

/** Finds the forward function of each operation, by an equation that has one of each. */
function recognise(Equation: new () => Equation): ReadonlyMap<unknown, PassBack> {
  const equation = new Equation()
  const scalar = (): Matrix => ({
    rows: 1,
    columns: 1,
    weights: new Float32Array(1),
    deltas: new Float32Array(1),
  })
  return new Map(
    Object.entries(derivatives).map(([name, passBack]) => {
      equation[name as keyof typeof derivatives](scalar(), scalar())
      return [equation.states.at(-1)!.forwardFn, passBack]
    }),
  )
}
