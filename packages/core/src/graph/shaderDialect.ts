import type { BarrierOp, ConditionOp, ElementwiseOp, LeafOp, Op, ScalarOp } from './algebra.js'

/** The operations that have one value for operands at one place. */
export type ValueOp = ElementwiseOp | ScalarOp | ConditionOp

/** What distinguishes the expressions of a shader language. */
interface Language {
  /** A choice between two expressions. */
  readonly choose: (condition: string, a: string, b: string) => string
  /** The literal of a finite number ≥ 0, given as JavaScript writes it. */
  readonly literal: (digits: string) => string
}

/** Operations as expressions of a shader language. */
export interface ShaderDialect {
  /** Whether an operation is computed from the values of its operands at one place. */
  readonly isValueOp: (op: Op) => op is ValueOp
  /** The expression of an operation on named values. */
  readonly expressionOf: (op: ValueOp, operands: readonly string[]) => string
  /** A number as an expression of single precision. */
  readonly literalOf: (value: number) => string
}

/**
 * The expressions of a shader language. It needs functions `nan`, `infinity`, `isFinite`, `zeroIfFinite`, `larger`, `smaller`, `root`,
 * `signOf`, `power`, `logarithm` and `angle`, which keep NaN and infinity where those of the language might lose them.
 */
export function shaderDialect({ choose, literal }: Language): ShaderDialect {
  const [zero, one] = [literal('0'), literal('1')]
  const select = (a: string, b: string, c: string): string => choose(`${a} > ${zero}`, b, c)
  // An operation of the algebra without an entry does not compile.
  const expressions: Readonly<
    Record<Exclude<Op, BarrierOp | LeafOp>, (a: string, b: string, c: string) => string>
  > = {
    add: (a, b) => `${a} + ${b}`,
    // x − x asks whether x is finite, and a compiler may take it for 0.
    sub: (a, b) => (a === b ? `zeroIfFinite(${a})` : `${a} - ${b}`),
    mul: (a, b) => `${a} * ${b}`,
    div: (a, b) => `${a} / ${b}`,
    max: (a, b) => `larger(${a}, ${b})`,
    min: (a, b) => `smaller(${a}, ${b})`,
    sqrt: (a) => `root(${a})`,
    square: (a) => `${a} * ${a}`,
    abs: (a) => `abs(${a})`,
    neg: (a) => `-${a}`,
    sign: (a) => `signOf(${a})`,
    pow: (a, b) => `power(${a}, ${b})`,
    exp: (a) => `exp(${a})`,
    log: (a) => `logarithm(${a})`,
    atan2: (a, b) => `angle(${a}, ${b})`,
    greater: (a, b) => choose(`${a} > ${b}`, one, zero),
    select,
    floor: (a) => `floor(${a})`,
    finite: (a) => choose(`isFinite(${a})`, one, zero),
    // Counts of steps are known to the device alone, so both values are computed.
    when: select,
  }
  return {
    isValueOp: (op): op is ValueOp => op in expressions,
    expressionOf: (op, [a = '', b = '', c = '']) => expressions[op](a, b, c),
    literalOf(value) {
      const rounded = Math.fround(value)
      if (Number.isNaN(rounded)) return 'nan()'
      if (rounded === Infinity) return 'infinity()'
      if (rounded === -Infinity) return '(-infinity())'
      const text = literal(String(Math.abs(rounded)))
      return Object.is(rounded, -0) || rounded < 0 ? `(-${text})` : text
    },
  }
}
