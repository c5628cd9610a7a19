import jsep from 'jsep'
import { binary, call, functionNames, literal, negate, variable, type Formula } from './formula.js'

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
  if (variables.includes(name)) return variable(name)
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
