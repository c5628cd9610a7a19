/** A formula of variables, as a tree. */
export type Formula =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'binary'; readonly op: BinaryOp; readonly left: Formula; readonly right: Formula }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly argument: Formula }

/** The operators of formulas. */
export type BinaryOp = '+' | '-' | '*' | '/' | '^'

/** The functions of formulas. */
export const functionNames = ['exp', 'log', 'sqrt', 'sin', 'cos', 'tanh', 'abs', 'sign'] as const

/** The name of a function of formulas. */
export type FunctionName = (typeof functionNames)[number]

/** A number as a formula. */
export function literal(value: number): Formula {
  return { kind: 'number', value }
}

/** A variable as a formula. */
export function variable(name: string): Formula {
  return { kind: 'variable', name }
}

const isNumber = (formula: Formula, value: number): boolean =>
  formula.kind === 'number' && formula.value === value

/** −formula. */
export function negate(formula: Formula): Formula {
  return formula.kind === 'number' ? literal(-formula.value) : binary('*', literal(-1), formula)
}

/** Two formulas joined by an operator, without terms and factors that change nothing. */
export function binary(op: BinaryOp, left: Formula, right: Formula): Formula {
  if (left.kind === 'number' && right.kind === 'number')
    return literal(operators[op](left.value, right.value))
  if (op === '+' && isNumber(left, 0)) return right
  if ((op === '+' || op === '-') && isNumber(right, 0)) return left
  if (op === '*' && (isNumber(left, 0) || isNumber(right, 0))) return literal(0)
  if (op === '*' && isNumber(left, 1)) return right
  if ((op === '*' || op === '/' || op === '^') && isNumber(right, 1)) return left
  return { kind: 'binary', op, left, right }
}

/** A function of a formula. */
export function call(name: FunctionName, argument: Formula): Formula {
  return argument.kind === 'number'
    ? literal(functions[name](argument.value))
    : { kind: 'call', name, argument }
}

const operators: Readonly<Record<BinaryOp, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '^': (a, b) => a ** b,
}
const { exp, log, sqrt, sin, cos, tanh, abs, sign } = Math
const functions: Readonly<Record<FunctionName, (x: number) => number>> = {
  exp,
  log,
  sqrt,
  sin,
  cos,
  tanh,
  abs,
  sign,
}

/** ∂formula/∂variable. */
export function derivative(formula: Formula, variable: string): Formula {
  switch (formula.kind) {
    case 'number':
      return literal(0)
    case 'variable':
      return literal(formula.name === variable ? 1 : 0)
    case 'binary':
      return derivativeOfBinary(formula, variable)
    case 'call':
      return binary('*', slopeOf(formula.name, formula.argument), derivative(formula.argument, variable))
  }
}

function derivativeOfBinary(
  { op, left, right }: Extract<Formula, { kind: 'binary' }>,
  variable: string,
): Formula {
  const [dl, dr] = [derivative(left, variable), derivative(right, variable)]
  switch (op) {
    case '+':
    case '-':
      return binary(op, dl, dr)
    case '*':
      return binary('+', binary('*', dl, right), binary('*', left, dr))
    case '/': {
      const first = binary('/', dl, right)
      if (isNumber(dr, 0)) return first
      return binary('-', first, binary('/', binary('*', left, dr), binary('^', right, literal(2))))
    }
    case '^': {
      const power = binary('^', left, binary('-', right, literal(1)))
      const first = binary('*', binary('*', right, power), dl)
      if (isNumber(dr, 0)) return first
      const second = binary('*', binary('*', binary('^', left, right), call('log', left)), dr)
      return binary('+', first, second)
    }
  }
}

function slopeOf(name: FunctionName, x: Formula): Formula {
  switch (name) {
    case 'exp':
      return call('exp', x)
    case 'log':
      return binary('/', literal(1), x)
    case 'sqrt':
      return binary('/', literal(0.5), call('sqrt', x))
    case 'sin':
      return call('cos', x)
    case 'cos':
      return negate(call('sin', x))
    case 'tanh':
      return binary('-', literal(1), binary('^', call('tanh', x), literal(2)))
    case 'abs':
      return call('sign', x)
    case 'sign':
      return literal(0)
  }
}

/** A function of two numbers; a formula of one variable ignores the second. */
export type Evaluate = (x: number, y: number) => number

/**
 * Prepares the evaluation of a formula, in double precision and in the order in which `printJs` writes it.
 *
 * @param variables one or two names, in the order of the arguments
 */
export function compile(formula: Formula, variables: readonly string[]): Evaluate {
  switch (formula.kind) {
    case 'number': {
      const { value } = formula
      return () => value
    }
    case 'variable':
      return variables[0] === formula.name ? (x) => x : (_, y) => y
    case 'binary':
      return compileBinary(formula.op, compile(formula.left, variables), compile(formula.right, variables))
    case 'call': {
      const [apply, of] = [functions[formula.name], compile(formula.argument, variables)]
      return (x, y) => apply(of(x, y))
    }
  }
}

function compileBinary(op: BinaryOp, a: Evaluate, b: Evaluate): Evaluate {
  switch (op) {
    case '+':
      return (x, y) => a(x, y) + b(x, y)
    case '-':
      return (x, y) => a(x, y) - b(x, y)
    case '*':
      return (x, y) => a(x, y) * b(x, y)
    case '/':
      return (x, y) => a(x, y) / b(x, y)
    case '^':
      return (x, y) => a(x, y) ** b(x, y)
  }
}
