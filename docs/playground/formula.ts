import jsep from 'jsep'

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

/** A formula that cannot be read; the message says where and why. */
export class FormulaError extends Error {
  override readonly name = 'FormulaError'
}

const constants: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E }
const longest = 400

interface GroupScope {
  readonly code: number
  gobbleGroup(): jsep.Expression
}

jsep.addBinaryOp('^', 11, true)
// Parentheses are kept, because −x² is −(x²) and (−x)² is not.
jsep.hooks.add('gobble-token', function (this: unknown, env: { node?: jsep.Expression }) {
  const scope = this as GroupScope
  if (scope.code !== 40) return
  env.node = { type: 'Group', argument: scope.gobbleGroup() }
})

/**
 * Reads a formula: numbers, variables, `+ - * / ^`, `pi`, `e` and {@link functionNames}. `**` is the same as `^`.
 *
 * @param variables the names that it may use
 * @throws FormulaError for anything else
 */
export function parseFormula(text: string, variables: readonly string[]): Formula {
  if (text.length > longest) throw new FormulaError(`a formula has at most ${longest} characters`)
  if (text.trim() === '') throw new FormulaError(`type a formula of ${variables.join(' and ')}`)
  let parsed: jsep.Expression
  try {
    parsed = jsep(text)
  } catch (error) {
    throw new FormulaError(`${(error as Error).message}; write products with *, as in 2*x`)
  }
  return convert(parsed, variables)
}

type Parts = Readonly<Record<string, unknown>>

function convert(node: jsep.Expression, variables: readonly string[]): Formula {
  const { operator, argument } = node as Parts
  const of = (part: unknown): Formula => convert(part as jsep.Expression, variables)
  switch (node.type) {
    case 'Literal':
      if (typeof node['value'] !== 'number') break
      return literal(node['value'])
    case 'Identifier':
      return identifier(node['name'] as string, variables)
    case 'Group':
      return of(argument)
    case 'UnaryExpression':
      if (operator === '+') return of(argument)
      if (operator === '-') return negate(of(argument))
      break
    case 'BinaryExpression':
      return convertBinary(node, of)
    case 'CallExpression':
      return convertCall(node, of)
    default:
  }
  throw new FormulaError(
    `a formula has no ${describe(node)}; it has numbers, variables, + - * / ^ and functions`,
  )
}

function describe(node: jsep.Expression): string {
  const { operator, raw } = node as Parts
  if (typeof operator === 'string') return `operator ${operator}`
  return typeof raw === 'string'
    ? `value ${raw}`
    : node.type.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()
}

function identifier(name: string, variables: readonly string[]): Formula {
  if (variables.includes(name)) return { kind: 'variable', name }
  const constant = Object.hasOwn(constants, name) ? constants[name] : undefined
  if (constant !== undefined) return literal(constant)
  throw new FormulaError(
    `${name} is no variable here; use ${[...variables, ...Object.keys(constants)].join(', ')}`,
  )
}

function convertBinary({ operator, left, right }: Parts, of: (part: unknown) => Formula): Formula {
  const op = operator === '**' ? '^' : operator
  if (op === '^' && (left as jsep.Expression).type === 'UnaryExpression') {
    const { operator: sign, argument } = left as Parts
    const power = binary('^', of(argument), of(right))
    return sign === '-' ? negate(power) : power
  }
  if (op !== '+' && op !== '-' && op !== '*' && op !== '/' && op !== '^')
    throw new FormulaError(`a formula has no operator ${String(op)}; use + - * / ^`)
  return binary(op, of(left), of(right))
}

function convertCall({ callee, arguments: given }: Parts, of: (part: unknown) => Formula): Formula {
  const name = String((callee as Parts)['name'])
  const known = functionNames.find((one) => one === name)
  const list = given as readonly unknown[]
  if (known === undefined)
    throw new FormulaError(`${name} is no function here; use ${functionNames.join(', ')}`)
  if (list.length !== 1) throw new FormulaError(`${name} takes one argument, given ${list.length}`)
  return call(known, of(list[0]))
}

/** A number as a formula. */
function literal(value: number): Formula {
  return { kind: 'number', value }
}

const isNumber = (formula: Formula, value: number): boolean =>
  formula.kind === 'number' && formula.value === value

function negate(formula: Formula): Formula {
  return formula.kind === 'number' ? literal(-formula.value) : binary('*', literal(-1), formula)
}

/** Two formulas joined by an operator, without terms and factors that change nothing. */
function binary(op: BinaryOp, left: Formula, right: Formula): Formula {
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
function call(name: FunctionName, argument: Formula): Formula {
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
