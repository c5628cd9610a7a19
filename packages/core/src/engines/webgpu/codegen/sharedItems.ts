import type { Shape } from '../../../graph/algebra.js'
import type { GraphNode } from '../../../graph/graph.js'
import { hasOwnKernel, peel } from './places.js'
import type { Kernel, Schedule } from './schedule.js'

/** Values that are in one array, one after the other. */
interface SharedItem {
  readonly nodes: number[]
  readonly shape: Shape
  /** The last tick in which the latest of them is read. */
  lastRead: number
}

/**
 * Gives the values that kernels leave for later ones their arrays. One takes the array of another of its shape that no kernel of
 * its own tick, or of a later one, reads: the iterations of Muon need four, and not three each.
 */
export function shareItems(nodes: readonly GraphNode[], schedule: Schedule): SharedItem[] {
  const { temporaries, kernels, placeOf } = schedule
  const lastReads = lastReadsOf(nodes, schedule)
  const storedAt = (node: number): number =>
    kernels.find((kernel) => isStoredBy(kernel, node))?.tick ?? placeOf(node).level
  const items: SharedItem[] = []
  for (const node of [...temporaries].sort((a, b) => storedAt(a) - storedAt(b))) {
    const { shape } = nodes[node]!
    const lastRead = Math.max(storedAt(node), lastReads.get(node) ?? 0)
    const free = items.find((item) => item.shape === shape && item.lastRead < storedAt(node))
    if (free) {
      free.nodes.push(node)
      free.lastRead = lastRead
    } else items.push({ nodes: [node], shape, lastRead })
  }
  return items
}

function isStoredBy(kernel: Kernel, node: number): boolean {
  if (kernel.kind === 'matrix') return kernel.node === node
  return (kernel.kind === 'lines' ? kernel.nodes : kernel.stores).has(node)
}

/** The last ticks in which kernels read values from memory. */
function lastReadsOf(
  nodes: readonly GraphNode[],
  { kernels, temporaries, placeOf }: Schedule,
): ReadonlyMap<number, number> {
  const kept = new Set(temporaries)
  const reads = new Map<number, number>()
  for (const kernel of kernels) {
    const { tick } = kernel
    const note = (node: number): void =>
      void (kept.has(node) && reads.set(node, Math.max(reads.get(node) ?? 0, tick)))
    const seen = new Set<number>()
    const visit = (index: number): void => {
      const node = nodes[index]!
      if (seen.has(index) || node.shape === 'scalar' || node.op === 'input') return
      seen.add(index)
      if (hasOwnKernel(node) || (kept.has(index) && placeOf(index).level < tick)) note(index)
      else if (node.op === 'transpose') note(peel(nodes, index).node)
      else if (node.op !== 'matmul') node.inputs.forEach(visit)
    }
    rootsOf(nodes, kernel).forEach(visit)
    if ('node' in kernel) for (const input of nodes[kernel.node]!.inputs) note(peel(nodes, input).node)
  }
  return reads
}

/** The tensors that a kernel computes. */
function rootsOf(nodes: readonly GraphNode[], kernel: Kernel): number[] {
  const inputOf = (node: number): number => nodes[node]!.inputs[0]!
  if (kernel.kind === 'matrix') return []
  if (kernel.kind === 'lines') return [...kernel.nodes].map(inputOf)
  return [...[...kernel.sums].map(inputOf), ...kernel.stores, ...kernel.writes.values()]
}
