import type { BinaryOp, Formula, FunctionName } from './formula.js'

const precedence: Readonly<Record<BinaryOp, number>> = { '+': 1, '-': 1, '*': 2, '/': 2, '^': 4 }
/** Above every operator: a name, a number, a call. */
const atom = 5

interface Text {
  readonly text: string
  readonly level: number
}

const wrap = ({ text, level }: Text, least: number): string => (level < least ? `(${text})` : text)

function joined(op: BinaryOp, sign: string, left: Text, right: Text): Text {
  const own = precedence[op]
  // Powers are written with parentheses on the left, and everything else on the right.
  const [a, b] = op === '^' ? [own + 1, own] : [own, own + 1]
  return { text: `${wrap(left, a)} ${sign} ${wrap(right, b)}`, level: own }
}

/** A number as source text; a negative one binds no more than a product does. */
const numberText = (value: number): Text => ({ text: String(value), level: value < 0 ? 2 : atom })

function visitJs(formula: Formula): Text {
  switch (formula.kind) {
    case 'number':
      return numberText(formula.value)
    case 'variable':
      return { text: formula.name, level: atom }
    case 'binary': {
      const { op, left, right } = formula
      return joined(op, op === '^' ? '**' : op, visitJs(left), visitJs(right))
    }
    case 'call':
      return { text: `Math.${formula.name}(${visitJs(formula.argument).text})`, level: atom }
  }
}

/** A formula as an expression of JavaScript, which computes the same number to the last bit as `compile` does. */
export function printJs(formula: Formula): string {
  return visitJs(formula).text
}

/** How a framework of arrays writes formulas. */
export interface ArrayDialect {
  number(value: number): string
  binary(op: BinaryOp, left: string, right: string): string
  call(name: FunctionName, argument: string): string
}

/** TensorFlow.js: functions of tensors. */
export const tfDialect: ArrayDialect = {
  number: (value) => `tf.scalar(${value})`,
  binary: (op, left, right) =>
    `tf.${{ '+': 'add', '-': 'sub', '*': 'mul', '/': 'div', '^': 'pow' }[op]}(${left}, ${right})`,
  call: (name, argument) => `tf.${name}(${argument})`,
}

/** jax-js: functions of arrays. Every use of a variable consumes a reference. */
export const jaxDialect: ArrayDialect = {
  number: (value) => String(value),
  binary: (op, left, right) =>
    `np.${{ '+': 'add', '-': 'subtract', '*': 'multiply', '/': 'divide', '^': 'power' }[op]}(${left}, ${right})`,
  call: (name, argument) => `np.${name === 'abs' ? 'absolute' : name}(${argument})`,
}

/** A formula in the functions of a framework. */
export function printArrays(
  formula: Formula,
  dialect: ArrayDialect,
  variable: (name: string) => string = (name) => name,
): string {
  const visit = (of: Formula): string => printArrays(of, dialect, variable)
  switch (formula.kind) {
    case 'number':
      return dialect.number(formula.value)
    case 'variable':
      return variable(formula.name)
    case 'binary':
      return dialect.binary(formula.op, visit(formula.left), visit(formula.right))
    case 'call':
      return dialect.call(formula.name, visit(formula.argument))
  }
}
