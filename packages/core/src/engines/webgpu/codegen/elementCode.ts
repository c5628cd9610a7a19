import { isVector, matrixExtents, type Shape } from '../../../graph/algebra.js'
import { expressionOf, isValueOp } from './arithmetic.js'
import { axesOf, extentText, itemWord, type Form } from './form.js'
import { hasOwnKernel, peel } from './places.js'
import type { ScalarCode } from './scalarCode.js'

/** Where a kernel computes elements. */
export interface ElementSpace {
  readonly shape: Shape
  readonly tick: number
  /** The product that the kernel computes, and the expression of its element. */
  readonly head?: { readonly node: number; readonly text: string }
}

/**
 * Statements that compute elements of tensors at one place: element `i` of the kernel's shape, in row `r` and column `c` where
 * that is a matrix.
 */
export class ElementCode {
  readonly lines: string[] = []
  readonly #form: Form
  readonly #space: ElementSpace
  readonly #scalars: ScalarCode
  readonly #names = new Map<number, string>()

  constructor(form: Form, space: ElementSpace, scalars: ScalarCode) {
    this.#form = form
    this.#space = space
    this.#scalars = scalars
  }

  /** An expression of a node's element at the place. */
  value(index: number): string {
    if (this.#form.graph.nodes[index]!.shape === 'scalar') return this.#scalars.value(index)
    let name = this.#names.get(index)
    if (name === undefined) {
      const text = this.#text(index)
      name = `e${this.#names.size}`
      this.#names.set(index, name)
      this.lines.push(`let ${name} = ${text};`)
    }
    return name
  }

  #text(index: number): string {
    const { head, tick } = this.#space
    if (head?.node === index) return head.text
    const { graph, schedule } = this.#form
    const node = graph.nodes[index]!
    const isStored = schedule.temporaries.includes(index)
    if (hasOwnKernel(node) || (isStored && this.#isEarlier(index, tick)))
      return itemText(this.#form, `node.${index}`, this.#placeIn(node.shape))
    const { op, inputs, name, shape } = node
    if (op === 'input') return inputText(this.#form, name!, this.#placeIn(shape))
    if (op === 'identity') return 'select(0f, 1f, r == c)'
    if (op === 'transpose') return operandText(this.#form, index, ['r', 'c'], this.#scalars)
    if (!isValueOp(op)) throw new Error(`a kernel over elements computes no ${op}`)
    return expressionOf(
      op,
      inputs.map((input) => this.value(input)),
    )
  }

  /** Whether a value is in memory. One of this tick is, if the product that it is computed with is of another kernel. */
  #isEarlier(index: number, tick: number): boolean {
    return this.#form.schedule.placeOf(index).level < tick
  }

  /** The index of an element of this shape that belongs to the place. */
  #placeIn(shape: Shape): string {
    if (!isVector(shape) || isVector(this.#space.shape)) return 'i'
    return matrixExtents(this.#space.shape)?.[0] === shape ? 'r' : 'c'
  }
}

/** The element of an operand that is in memory but for factors and transpositions, in this row and column. */
export function operandText(
  form: Form,
  index: number,
  [row, column]: readonly [string, string],
  scalars: ScalarCode,
): string {
  const { node, turned, factors } = peel(form.graph.nodes, index)
  const read = turned ? storedText(form, node, column, row) : storedText(form, node, row, column)
  return [...factors.map((factor) => scalars.value(factor)), read].join(' * ')
}

/** The element of a matrix in memory. */
function storedText(form: Form, index: number, row: string, column: string): string {
  const { op, name, shape } = form.graph.nodes[index]!
  const width = extentText(axesOf(shape)[1]!)
  const place = `${row} * ${width} + ${column}`
  return op === 'input' ? inputText(form, name!, place) : itemText(form, `node.${index}`, place)
}

/** The element of an input. */
function inputText(form: Form, name: string, place: string): string {
  if (name === 'gradient' || name === 'parameter') return `${name}At(k, ${place})`
  return itemText(form, name, place)
}

/** The element of an item in an arena. */
export function itemText(form: Form, key: string, place: string): string {
  return `${arenaName(form, key)}[word(k, ${itemWord(form, key)}u) + ${place}]`
}

/** The name of the binding of an item's arena; batches say which arena that is. */
function arenaName(form: Form, key: string): string {
  return `arena_${form.items.findIndex(({ keys }) => keys.includes(key))}`
}
