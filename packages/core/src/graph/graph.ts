import { memoised } from '../memoised.js'
import type { Expr, Op, Shape } from './algebra.js'

/** A node of a recorded graph; `inputs` are indices of earlier nodes. */
export interface GraphNode {
  readonly op: Op
  readonly inputs: readonly number[]
  readonly shape: Shape
  readonly value?: number
  readonly name?: string
}

/**
 * A recorded computation: its nodes in evaluation order, equal subexpressions merged, and the nodes that are its results.
 * It is plain data that can be serialised, hashed and lowered.
 */
export interface Graph {
  readonly nodes: readonly GraphNode[]
  readonly outputs: Readonly<Record<string, number>>
  /** Structural hash. Graphs that compute the same thing from inputs of the same names have equal hashes. */
  readonly hash: string
}

/**
 * Orders expressions into a graph, merging equal subexpressions.
 *
 * @param outputs the expressions to compute, by name
 * @param unhashed further ones, which the hash does not cover
 */
export function buildGraph(
  outputs: Readonly<Record<string, Expr>>,
  unhashed: Readonly<Record<string, Expr>> = {},
): Graph {
  const nodes: GraphNode[] = []
  const byKey = new Map<string, number>()
  const byExpr = new Map<Expr, number>()

  const visit = (x: Expr): number => {
    const seen = byExpr.get(x)
    if (seen !== undefined) return seen
    const inputs = x.inputs.map(visit)
    const key = `${x.op}|${x.shape}|${x.name ?? ''}|${x.op === 'constant' ? constantKey(x.value!) : ''}|${inputs.join()}`
    let index = byKey.get(key)
    if (index === undefined) {
      index = nodes.length
      nodes.push({
        op: x.op,
        inputs,
        shape: x.shape,
        ...(x.value === undefined ? {} : { value: x.value }),
        ...(x.name === undefined ? {} : { name: x.name }),
      })
      byKey.set(key, index)
    }
    byExpr.set(x, index)
    return index
  }

  const results: Record<string, number> = {}
  for (const [name, x] of Object.entries(outputs)) results[name] = visit(x)
  const text = [...byKey.keys(), ...Object.entries(results).map(([name, index]) => `${name}=${index}`)].join(
    '\n',
  )
  for (const [name, x] of Object.entries(unhashed)) results[name] = visit(x)
  return { nodes, outputs: results, hash: hashText(text) }
}

/** The names of a graph's inputs. */
export const inputNames = memoised(
  ({ nodes }: Graph): ReadonlySet<string> =>
    new Set(nodes.flatMap(({ op, name }) => (op === 'input' ? [name!] : []))),
)

/** The nodes that the named outputs need, in evaluation order. */
export function neededNodes(graph: Graph, outputs: readonly string[]): number[] {
  const needed = new Set<number>()
  const visit = (index: number): void => {
    if (needed.has(index)) return
    needed.add(index)
    graph.nodes[index]!.inputs.forEach(visit)
  }
  for (const name of outputs) visit(graph.outputs[name]!)
  return [...needed].sort((a, b) => a - b)
}

// −0 and 0 are different constants, and String() would merge them.
function constantKey(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** FNV-1a, twice with different bases: 64 bits in 16 hexadecimal digits. */
export function hashText(text: string): string {
  let a = 0x811c9dc5
  let b = 0x9747b28c
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x01000193) ^ (b >>> 15)
  }
  return (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0')
}
