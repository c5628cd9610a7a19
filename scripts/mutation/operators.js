// The mutants of a file: its text with one operator, comparison, constant, statement or condition changed.
import { parseSync } from 'oxc-parser'

/**
 * @typedef {object} Mutant
 * @property {number} start - the place of the changed text, in characters
 * @property {number} end
 * @property {string} to - the new text
 * @property {string} kind - in words
 */

/**
 * @typedef {{ type: string, start: number, end: number, [key: string]: unknown }} Node
 * @typedef {(start: number, end: number, to: string, kind: string) => void} Add
 */

/** What an operator is changed into. */
const operators = /** @type {Record<string, readonly [kind: string, ...operators: string[]]>} */ ({
  '+': ['operator', '-'],
  '-': ['operator', '+'],
  '*': ['operator', '/'],
  '/': ['operator', '*'],
  '%': ['operator', '*'],
  '**': ['operator', '*'],
  '&': ['operator', '|'],
  '|': ['operator', '&'],
  '^': ['operator', '&'],
  '<<': ['operator', '>>'],
  '>>': ['operator', '<<'],
  '>>>': ['operator', '<<'],
  '<': ['comparison', '<=', '>='],
  '<=': ['comparison', '<', '>'],
  '>': ['comparison', '>=', '<='],
  '>=': ['comparison', '>', '<'],
  '===': ['comparison', '!=='],
  '!==': ['comparison', '==='],
  '&&': ['operator', '||'],
  '||': ['operator', '&&'],
  '+=': ['operator', '-='],
  '-=': ['operator', '+='],
  '*=': ['operator', '/='],
  '++': ['operator', '--'],
  '--': ['operator', '++'],
})

/** What an operation of the algebra is changed into. Bases and embeddings are written in them. */
const operations = new Map([
  ['add', 'sub'],
  ['sub', 'add'],
  ['mul', 'div'],
  ['div', 'mul'],
  ['max', 'min'],
  ['min', 'max'],
])

/** What a method is changed into. */
const methods = new Map([
  ['max', 'min'],
  ['min', 'max'],
  ['some', 'every'],
  ['every', 'some'],
  ['floor', 'ceil'],
  ['ceil', 'floor'],
])

/** Calls that write a message, and what is within them: texts, which no case compares. */
const messages = /^(show|describe|quote|suggest|nearest|listOf|.*Error)$/

/**
 * The mutants of a JavaScript module.
 *
 * @param {string} text
 * @param {string} file - its name, for messages
 * @param {readonly string[]} skipped - names of functions and methods that are left out
 * @returns {Mutant[]} in the order of their places
 */
export function mutantsOf(text, file, skipped = []) {
  const { program, errors } = parseSync(file, text)
  const [error] = errors
  if (error !== undefined) throw new Error(`${file} cannot be parsed: ${error.message}`)
  /** @type {Mutant[]} */
  const found = []
  /** @type {Add} */
  const add = (start, end, to, kind) => void found.push({ start, end, to, kind })
  /** @param {unknown} value */
  const visit = (value) => {
    if (Array.isArray(value)) value.forEach(visit)
    if (!isNode(value) || isLeftOut(value, skipped)) return
    visitNode(value, text, add)
    for (const [key, child] of Object.entries(value)) if (key !== 'range') visit(child)
  }
  visit(program.body)
  return found.sort((a, b) => a.start - b.start || a.end - b.end)
}

/** @type {(value: unknown) => value is Node} */
function isNode(value) {
  return typeof value === 'object' && value !== null && typeof (/** @type {Node} */ (value).type) === 'string'
}

/**
 * Whether a node and what is in it has no mutants: imports, texts of messages, and functions that are left out by name.
 *
 * @param {Node} node
 * @param {readonly string[]} skipped
 */
function isLeftOut({ type, callee, key, id }, skipped) {
  if (type.startsWith('Import') || type === 'TemplateLiteral') return true
  if ((type === 'CallExpression' || type === 'NewExpression') && messages.test(nameOf(callee))) return true
  const isFunction = type === 'MethodDefinition' || type === 'FunctionDeclaration' || type === 'Property'
  return isFunction && skipped.includes(nameOf(type === 'FunctionDeclaration' ? id : key))
}

/** @type {(node: unknown) => string} */
function nameOf(node) {
  if (!isNode(node)) return ''
  const { type, name, property } = node
  return type === 'MemberExpression' ? nameOf(property) : typeof name === 'string' ? name : ''
}

/**
 * @param {Node} node
 * @param {string} text
 * @param {Add} add
 */
function visitNode(node, text, add) {
  const { type, start, end } = node
  switch (type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression':
      visitOperator(node, text, add)
      break
    case 'UpdateExpression':
      add(start, end, flipped(text.slice(start, end)), 'operator')
      break
    case 'UnaryExpression':
      visitUnary(node, text, add)
      break
    case 'Literal':
      visitLiteral(node, add)
      break
    case 'IfStatement':
    case 'ConditionalExpression':
      visitTest(node, text, add)
      break
    case 'CallExpression':
      visitCall(node, add)
      break
    case 'ExpressionStatement':
    case 'ThrowStatement':
      // A statement may be the whole body of an if or a loop.
      add(start, end, ';', 'dropped statement')
      break
    case 'SpreadElement':
      add(start, end, '...[]', 'dropped part')
  }
}

/** @param {string} text */
function flipped(text) {
  return text.includes('++') ? text.replace('++', '--') : text.replace('--', '++')
}

/** @type {(node: Node, text: string, add: Add) => void} */
function visitOperator({ operator, left, right }, text, add) {
  const [a, b] = [/** @type {Node} */ (left), /** @type {Node} */ (right)]
  const sign = String(operator)
  if (sign === '??') add(a.start, b.end, text.slice(a.start, a.end), 'operator')
  const [kind, ...others] = operators[sign] ?? ['']
  if ([a, b].some((side) => side.type === 'TemplateLiteral' || isText(side))) {
    // Texts are compared, but not added.
    if (kind !== 'comparison') return
  }
  const at = text.indexOf(sign, a.end)
  for (const other of others) add(at, at + sign.length, other, kind)
}

/** @param {Node} node */
function isText({ type, value }) {
  return type === 'Literal' && typeof value === 'string'
}

/** @type {(node: Node, text: string, add: Add) => void} */
function visitUnary({ operator, argument, start, end }, text, add) {
  if (operator !== '!' && operator !== '-' && operator !== '~') return
  const { start: from, end: to } = /** @type {Node} */ (argument)
  add(start, end, ` ${text.slice(from, to)}`, operator === '!' ? 'negated condition' : 'operator')
}

/** @type {(node: Node, add: Add) => void} */
function visitLiteral({ start, end, value }, add) {
  if (typeof value === 'boolean') add(start, end, String(!value), 'constant')
  if (typeof value !== 'number') return
  add(
    start,
    end,
    value === 1 ? '0' : Number.isInteger(value) ? String(value + 1) : String(value * 2),
    'constant',
  )
}

/** @type {(node: Node, text: string, add: Add) => void} */
function visitTest({ test }, text, add) {
  const { start, end, type, operator } = /** @type {Node} */ (test)
  // That of `!x` and of `a === b` is a mutant already.
  if (type === 'UnaryExpression' || operator === '===' || operator === '!==') return
  add(start, end, `!(${text.slice(start, end)})`, 'negated condition')
}

/** @type {(node: Node, add: Add) => void} */
function visitCall({ callee }, add) {
  const called = /** @type {Node} */ (callee)
  const isMethod = called.type === 'MemberExpression'
  const name = isMethod ? /** @type {Node} */ (called.property) : called
  const other = (isMethod ? methods : operations).get(nameOf(name))
  if (other !== undefined) add(name.start, name.end, other, 'function')
}
