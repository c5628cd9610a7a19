import type { ElementwiseOp } from '../../../graph/algebra.js'
import type { Graph } from '../../../graph/graph.js'
import type { Bytes, FunctionCode } from './encoder.js'
import { advance, countDown, f64, get, i32, loadI32, Locals, op, set, storeF64, tee } from './instructions.js'
import { bits, pair, type VectorType } from './vectors.js'

/**
 * A run of elementwise operations as one loop over memory: every element is loaded once, all that hangs on it is
 * computed in registers, and what is to be kept is stored. The numbers are nodes of a graph.
 */
export interface Loop {
  /** Tensors read from memory. */
  readonly loads: readonly number[]
  /** Scalars spread over vectors before the loop, in the order in which the host lays them out. */
  readonly scalars: readonly number[]
  /** `sum` nodes to compute. */
  readonly sums: readonly number[]
  /** Tensors written to memory; a vector of each is computed before any is stored. */
  readonly stores: readonly number[]
}

/**
 * A loop is called with the address of a table and its number of rows. A row stands for one tensor, in 32-bit words:
 * the number of elements, the address of the scalars (of the tensor's element type), the address where the sums go
 * (f64), then the addresses of `loads` and of `stores`.
 */
export const tableHeader = { count: 0, scalars: 1, sums: 2, addresses: 3 } as const

/** Words in a row of a loop's table. */
export function rowWords(loop: Loop): number {
  return tableHeader.addresses + loop.loads.length + loop.stores.length
}

/**
 * Writes a loop as a function.
 *
 * @param unroll vectors per turn of the main loop, a power of two. Their sums are added up in the tensors' own type before they are
 *   widened to f64, and so may overflow where the sum as such does not. With 0, every element is taken and widened by
 *   itself.
 */
export function emitLoop(
  name: string,
  graph: Graph,
  loop: Loop,
  type: VectorType,
  unroll: number,
): FunctionCode {
  const [table, rows] = [0, 1]
  const locals = new Locals(2)
  const count = locals.add('i32')
  const turns = locals.add('i32')
  const address = locals.add('i32')
  const loadPointers = loop.loads.map(() => locals.add('i32'))
  const storePointers = loop.stores.map(() => locals.add('i32'))
  const pointers = [...loadPointers, ...storePointers]
  const spread = new Map(loop.scalars.map((node) => [node, locals.add('v128')]))
  const constants = new Map<number, number>()
  const low = loop.sums.map(() => locals.add('v128'))
  const high = loop.sums.map(() => locals.add('v128'))
  const partial = loop.sums.map(() => locals.add('v128'))
  const results = loop.stores.map(() => locals.add('v128'))
  /** A value wanted again at once. */
  const again = locals.add('v128')
  const values = new Map<number, number>()
  const ones = loopHas(graph, loop, 'sign')
    ? { one: locals.add('v128'), signBits: locals.add('v128') }
    : undefined
  const fraction = (): Fraction => [locals.add('v128'), locals.add('v128')]
  const quotients = loop.sums.map((node) =>
    type.name === 'float32' && isBoundedQuotient(graph, loop, graph.nodes[node]!.inputs[0]!)
      ? { one: fraction(), other: fraction() }
      : undefined,
  )
  const tail = loop.sums.map(() => locals.add('f64'))

  const uses = countUses(graph, loop)
  for (const node of uses.keys()) {
    if (graph.nodes[node]!.op === 'constant') constants.set(node, locals.add('v128'))
  }

  /** The code of one vector (or, for what is left over, of one element in lane 0) at `offset` from the pointers. */
  const emitVector = (j: number, vectors: number, offset: number, lane: boolean): Bytes => {
    const done = new Set<number>()
    const value = (node: number): Bytes => {
      const known = spread.get(node) ?? constants.get(node)
      if (known !== undefined) return get(known)
      if (done.has(node)) return get(values.get(node)!)
      const code = compute(node)
      if (uses.get(node)! < 2) return code
      if (!values.has(node)) values.set(node, locals.add('v128'))
      done.add(node)
      return [code, tee(values.get(node)!)]
    }
    const compute = (node: number): Bytes => {
      const load = loop.loads.indexOf(node)
      if (load !== -1) {
        return [get(loadPointers[load]!), lane ? type.loadLane(offset) : type.load(offset)]
      }
      const { op: operation, inputs } = graph.nodes[node]!
      const [a, b] = inputs as [number, number]
      switch (operation as ElementwiseOp) {
        case 'square':
          return [value(a), tee(again), get(again), type.op.mul]
        case 'sign': {
          // The one with the sign of x where |x| > 0, else x itself: a zero or NaN.
          const x = [value(a), tee(again), get(ones!.signBits), bits.and, get(ones!.one), bits.or]
          const nonZero = [get(again), type.op.abs, get(constantZero()), type.op.greater]
          return [x, get(again), nonZero, bits.select]
        }
        case 'sqrt':
        case 'abs':
        case 'neg':
          return [value(a), type.op[operation as 'sqrt']]
        default:
          return [value(a), value(b), type.op[operation as 'add']]
      }
    }

    const code: Bytes[] = []
    loop.sums.forEach((node, s) => {
      const term = graph.nodes[node]!.inputs[0]!
      const collect = (x: Bytes, first: boolean): Bytes =>
        set(partial[s]!, x, first ? [] : [get(partial[s]!), type.op.add])
      if (lane) code.push(set(tail[s]!, value(term), type.first, get(tail[s]!), [op.f64Add]))
      else if (vectors > 1 && quotients[s]) {
        const [a, b] = graph.nodes[term]!.inputs as [number, number]
        const { one, other } = quotients[s]
        const [numerator, denominator] = j % 2 === 0 ? one : other
        code.push(set(numerator, value(a)), set(denominator, value(b)))
        if (j % 2 === 1) code.push(collect(addQuotients(one, other), j === 1))
      } else code.push(collect(value(term), j === 0))
    })
    loop.stores.forEach((node, s) => code.push(set(results[s]!, value(node))))
    loop.stores.forEach((_, s) => {
      const store = lane ? type.storeLane(offset) : type.store(offset)
      code.push(get(storePointers[s]!), get(results[s]!), store)
    })
    return code
  }

  /** a/b + c/d with one division: a·(d·r) + c·(b·r), r = 1/(b·d). */
  const addQuotients = ([a, b]: Fraction, [c, d]: Fraction): Bytes => {
    const product = [get(b), get(d), type.op.mul]
    const r = [type.constant(1), product, type.op.div, tee(again)]
    const left = [get(a), get(d), r, type.op.mul, type.op.mul]
    const right = [get(c), get(b), get(again), type.op.mul, type.op.mul]
    return [left, right, type.op.add]
  }

  /** Adds the vector in `partial` to the totals. */
  const widen = (s: number): Bytes => {
    const x = get(partial[s]!)
    if (type.name === 'float64') return set(low[s]!, x, get(low[s]!), pair.add)
    return [
      set(low[s]!, x, pair.promoteLow, get(low[s]!), pair.add),
      set(high[s]!, x, x, pair.high, pair.promoteLow, get(high[s]!), pair.add),
    ]
  }

  const turn = (vectors: number, lane = false): Bytes => {
    const code: Bytes[] = []
    const stride = lane ? type.bytes : type.bytes * type.lanes
    for (let j = 0; j < vectors; j++) code.push(emitVector(j, vectors, j * stride, lane))
    if (!lane) loop.sums.forEach((_, s) => code.push(widen(s)))
    for (const pointer of pointers) code.push(advance(pointer, i32(vectors * stride)))
    return code
  }

  let zero: number | undefined
  const constantZero = (): number => (zero ??= locals.add('v128'))

  const loops: Bytes[] = []
  if (unroll > 0) {
    const perTurn = unroll * type.lanes
    const vectorShift = i32(Math.log2(type.lanes))
    loops.push(
      set(turns, get(count), i32(Math.log2(perTurn)), [op.i32ShiftRightUnsigned]),
      countDown(turns, turn(unroll)),
      set(turns, get(count), i32(perTurn - 1), [op.i32And], vectorShift, [op.i32ShiftRightUnsigned]),
      unroll > 1 ? countDown(turns, turn(1)) : [],
      set(count, get(count), i32(type.lanes - 1), [op.i32And]),
    )
  }
  loops.push(countDown(count, turn(1, true)))

  const once: Bytes[] = []
  for (const [node, local] of constants) once.push(set(local, type.constant(graph.nodes[node]!.value!)))
  if (ones) once.push(set(ones.one, type.constant(1)), set(ones.signBits, type.signBits))
  if (zero !== undefined) once.push(set(zero, type.constant(0)))

  const word = (index: number): Bytes => [get(table), loadI32(4 * index)]
  const row: Bytes = [
    set(count, word(tableHeader.count)),
    set(address, word(tableHeader.scalars)),
    ...[...spread.values()].flatMap((local, i) => set(local, get(address), type.loadSplat(i * type.bytes))),
    ...pointers.flatMap((pointer, i) => set(pointer, word(tableHeader.addresses + i))),
    ...loop.sums.flatMap((_, s) => [
      set(low[s]!, pair.zero),
      set(high[s]!, pair.zero),
      set(tail[s]!, f64(0)),
    ]),
    loops,
    loop.sums.length > 0 ? set(address, word(tableHeader.sums)) : [],
    ...loop.sums.flatMap((_, s) => {
      const both = [get(low[s]!), get(high[s]!), pair.add]
      const total = [set(low[s]!, both), get(low[s]!), pair.lane(0), get(low[s]!), pair.lane(1)]
      return [get(address), total, op.f64Add, get(tail[s]!), op.f64Add, storeF64(8 * s)]
    }),
    advance(table, i32(4 * rowWords(loop))),
  ]
  return { name, parameters: 2, locals: locals.types, body: [once, countDown(rows, row)] }
}

/** The locals of a numerator and a denominator. */
type Fraction = readonly [number, number]

/**
 * Whether a node is x/√y or x/(√y + scalar), as of Adam: two such divisions can share one. The product of two roots
 * does not overflow, or not without their squares; where it vanishes, the sum is not finite and is done again, element
 * by element.
 */
function isBoundedQuotient(graph: Graph, loop: Loop, node: number): boolean {
  const { op, inputs } = graph.nodes[node]!
  const isRoot = (i: number): boolean => graph.nodes[i]!.op === 'sqrt'
  const denominator = graph.nodes[inputs[1]!]
  if (op !== 'div' || denominator === undefined || loop.loads.includes(node)) return false
  if (denominator.op !== 'add') return isRoot(inputs[1]!)
  return denominator.inputs.some(isRoot) && denominator.inputs.some((i) => graph.nodes[i]!.shape === 'scalar')
}

/** How often each node's value is needed in a turn of the loop. */
function countUses(graph: Graph, loop: Loop): Map<number, number> {
  const uses = new Map<number, number>()
  const visit = (node: number): void => {
    const before = uses.get(node) ?? 0
    uses.set(node, before + 1)
    if (before === 0 && !loop.loads.includes(node) && !loop.scalars.includes(node))
      graph.nodes[node]!.inputs.forEach(visit)
  }
  for (const node of loop.sums) visit(graph.nodes[node]!.inputs[0]!)
  loop.stores.forEach(visit)
  return uses
}

function loopHas(graph: Graph, loop: Loop, operation: ElementwiseOp): boolean {
  return [...countUses(graph, loop).keys()].some(
    (node) => !loop.loads.includes(node) && graph.nodes[node]!.op === operation,
  )
}
