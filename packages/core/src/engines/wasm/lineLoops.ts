import type { Graph } from '../../graph/graph.js'
import type { Lines } from './codegen/loop.js'
import type { LoopArguments } from './loopArguments.js'

/** What a loop over the lines of a matrix works on. */
interface LineWork {
  readonly lines: number
  /** Elements of a line. */
  readonly length: number
  /** Of the results of lines, and then of those of places. */
  readonly addresses: readonly number[]
  /** Where sums of places are added up, in f64. */
  readonly sumsAddress: number
}

/**
 * Adds the words that only a loop over lines has to the row of its table, and prepares its results.
 *
 * @returns a function to call after the loop, which rounds what was added up
 */
export function addLineWords(
  { nodes }: Graph,
  { ofLines, ofPlaces }: Lines,
  loopArguments: LoopArguments,
  { lines, length, addresses, sumsAddress }: LineWork,
): () => void {
  const { elementBytes } = loopArguments
  const [elements, doubles] = [loopArguments.elements(), loopArguments.doubles()]
  const sums: { readonly from: number; readonly to: number }[] = []
  loopArguments.addWord(lines)
  ofLines.forEach((_, i) => loopArguments.addWord(addresses[i]!))
  ofPlaces.forEach((node, i) => {
    const address = addresses[ofLines.length + i]!
    const to = address / elementBytes
    if (nodes[node]!.op === 'columnMax') {
      elements.fill(-Infinity, to, to + length)
      loopArguments.addWord(address)
      return
    }
    const from = sumsAddress / 8 + sums.length * length
    doubles.fill(0, from, from + length)
    sums.push({ from, to })
    loopArguments.addWord(8 * from)
  })
  return () => {
    for (const { from, to } of sums) elements.set(doubles.subarray(from, from + length), to)
  }
}
