import { optionError, shapeError, show } from '../errors.js'
import {
  greater,
  identity,
  input,
  literal,
  matrixExtents,
  select,
  sum,
  type Expr,
  type Shape,
} from '../graph/algebra.js'
import type {
  Preconditioner,
  PreconditionerInput,
  SlotInitial,
  SlotOptions,
  SlotShape,
} from './preconditioner.js'

/** A slot or a shared scalar that a definition has asked for. */
export interface SlotDeclaration {
  readonly shape: Shape
  /** A scalar, or an identity matrix. */
  readonly initial: Expr
  /** Whether it starts from the parameter. */
  readonly startsFromParameter: boolean
}

/** The functions of {@link PreconditionerInput} with which a definition declares what it keeps and reads. */
export interface Declarations extends Pick<PreconditionerInput, 'slot' | 'total' | 'shared' | 'normal'> {
  readonly slots: ReadonlyMap<string, SlotDeclaration>
  readonly sharedScalars: ReadonlyMap<string, SlotDeclaration>
  readonly totals: readonly Expr[]
  readonly normals: ReadonlySet<number>
  /** An expression with the slots as they are after a step: a slot that starts from the parameter has left it then. */
  afterStep(x: Expr | undefined): Expr | undefined
}

/** The name under which the total of this index enters a graph, and its part leaves it. */
export function totalInput(index: number): string {
  return `total.${index}`
}

/** The name under which a shared scalar enters a graph. */
export function sharedInput(name: string): string {
  return `shared.${name}`
}

/** The name under which the normal numbers of a stream enter a graph. */
export function normalInput(stream: number): string {
  return `normal.${stream}`
}

const slotShapes: readonly unknown[] = [
  'tensor',
  'scalar',
  'rows',
  'columns',
  'rows,rows',
  'columns,columns',
] satisfies SlotShape[]

/** Creates the functions for one recording of an update, and notes what they are called with. */
export function createDeclarations(base: Preconditioner, parameter: Expr, own: Shape): Declarations {
  const { name: owner } = base
  const slots = new Map<string, SlotDeclaration>()
  const sharedScalars = new Map<string, SlotDeclaration>()
  const totals: Expr[] = []
  const normals = new Set<number>()
  /** The values of slots that start from the parameter, and the slots themselves. */
  const started = new Map<Expr, Expr>()

  return {
    slots,
    sharedScalars,
    totals,
    normals,
    slot(name, given = 0) {
      const declared = declare(owner, 'slot', slots, name, slotOf(owner, name, own, given))
      const kept = input(`slot.${name}`, declared.shape)
      if (!declared.startsFromParameter) return kept
      const value = select(greater(input('step', 'scalar'), 1), kept, parameter)
      started.set(value, kept)
      return value
    },
    shared(name, initial = 0) {
      const expr = initialOf(`${owner}: the initial value of the shared scalar ${name}`, initial)
      declare(owner, 'the shared scalar', sharedScalars, name, {
        shape: 'scalar',
        initial: expr,
        startsFromParameter: false,
      })
      return input(sharedInput(name), 'scalar')
    },
    total(x) {
      if (typeof x !== 'object' || x === null || !('shape' in x))
        throw optionError(`${owner}: total takes an expression, given ${show(x)}`)
      const part = x.shape === 'scalar' ? x : sum(x)
      const known = totals.indexOf(part)
      return input(totalInput(known === -1 ? totals.push(part) - 1 : known), 'scalar')
    },
    normal(stream = 0) {
      if (!Number.isSafeInteger(stream) || stream < 0)
        throw optionError(`${owner}: normal takes a stream, a whole number ≥ 0, given ${show(stream)}`)
      if (base.definition.hyperparameters?.['seed']?.kind !== 'integer') {
        throw optionError(
          `${owner}: normal numbers need a seed; declare the hyperparameter seed with kind: 'integer'`,
        )
      }
      normals.add(stream)
      return input(normalInput(stream), own)
    },
    afterStep: (x) => (x === undefined ? undefined : substitute(x, started)),
  }
}

/** Notes a declaration, unless it has no valid name or differs from an earlier one. */
function declare(
  owner: string,
  what: string,
  declared: Map<string, SlotDeclaration>,
  name: unknown,
  declaration: SlotDeclaration,
): SlotDeclaration {
  if (typeof name !== 'string' || !/^[A-Za-z][A-Za-z0-9]*$/.test(name)) {
    throw optionError(
      `${owner}: the name of a ${what === 'slot' ? what : 'shared scalar'} is a letter, then letters and digits; given ${show(name)}`,
    )
  }
  const before = declared.get(name)
  if (before && !isSame(before, declaration))
    throw optionError(`${owner}: ${what} ${name} is asked for twice, with different initial values or shapes`)
  declared.set(name, before ?? declaration)
  return before ?? declaration
}

function isSame(a: SlotDeclaration, b: SlotDeclaration): boolean {
  const [x, y] = [a.initial, b.initial]
  const isLeaf = x.op === 'constant' || x.op === 'identity'
  const sameInitial = x === y || (isLeaf && x.op === y.op && x.value === y.value)
  return sameInitial && a.shape === b.shape && a.startsFromParameter === b.startsFromParameter
}

/** A slot's declaration from the argument of `slot`. */
function slotOf(owner: string, name: string, own: Shape, given: SlotInitial | SlotOptions): SlotDeclaration {
  const options: SlotOptions = isOptions(given) ? given : { initial: given }
  const { shape: wanted = 'tensor', initial = 0 } = options
  const where = `${owner}: the initial value of slot ${name}`
  if (!slotShapes.includes(wanted))
    throw optionError(
      `${owner}: slot ${name} cannot have the shape ${show(wanted)}; it can be ${slotShapes.join(', ')}`,
    )
  if (wanted !== 'tensor' && wanted !== 'scalar' && own === 'tensor') {
    throw shapeError(
      `${owner}: slot ${name} has the shape of a matrix's ${wanted}, and the parameter is none here: declare the preconditioner ` +
        "with `matrix: true`, or with 'optional' and ask for this slot only where `matrix` is true",
    )
  }
  const shape = wanted === 'tensor' ? own : wanted
  if (initial === 'parameter') {
    if (wanted !== 'tensor') throw shapeError(`${where} can be 'parameter' only in the parameter's own shape`)
    return { shape, initial: literal(0), startsFromParameter: true }
  }
  if (initial === 'identity') {
    const extents = matrixExtents(wanted)
    if (!extents)
      throw shapeError(`${where} can be 'identity' only in the shape rows,rows or columns,columns`)
    return { shape, initial: identity(extents[0]), startsFromParameter: false }
  }
  return { shape, initial: initialOf(where, initial), startsFromParameter: false }
}

function isOptions(given: unknown): given is SlotOptions {
  return typeof given === 'object' && given !== null && !('op' in given)
}

function initialOf(where: string, value: Expr | number): Expr {
  const expr = typeof value === 'number' ? literal(value) : value
  if (isKnownBeforeSteps(expr)) return expr
  throw shapeError(`${where} must be a number, or a scalar of hyperparameters`)
}

/** Whether an expression is a scalar of constants, hyperparameters and extents. */
function isKnownBeforeSteps(x: Expr): boolean {
  if (x?.shape !== 'scalar') return false
  if (x.op === 'input') return knownInputs.has(x.name!) || x.name!.startsWith('base.')
  return x.inputs.every(isKnownBeforeSteps)
}

const knownInputs: ReadonlySet<string> = new Set(['step', 'rows', 'columns', 'size', 'learningRate'])

/** An expression in which others take the place of some that it contains. */
function substitute(root: Expr, replaced: ReadonlyMap<Expr, Expr>): Expr {
  const known = new Map(replaced)
  const visit = (x: Expr): Expr => {
    let result = known.get(x)
    if (result === undefined) {
      const inputs = x.inputs.map(visit)
      result = inputs.some((y, i) => y !== x.inputs[i]) ? { ...x, inputs } : x
      known.set(x, result)
    }
    return result
  }
  return visit(root)
}
