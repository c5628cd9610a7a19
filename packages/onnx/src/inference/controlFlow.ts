import type { Model } from '../proto/model.js'
import type { Ort } from '../runtime/ort.js'
import { inlineDecidedBranches } from './branches.js'
import { unrollKnownLoops } from './loops.js'
import { dissolveSequences } from './sequences.js'

/**
 * Replaces control flow that is known beforehand by what it comes to: branches that are taken, and loops of a known
 * number of rounds that a parameter may pass. Sequences whose tensors are known become these tensors.
 *
 * @param model is changed; its constants are among its initializers, its nodes in order of computation
 * @returns the names of the constants that were in nodes, or are new
 */
export async function resolveControlFlow(model: Model, ort: Ort): Promise<ReadonlySet<string>> {
  const constants = new Set(await inlineDecidedBranches(model, ort))
  // A loop over a sequence has as many rounds as that has tensors.
  await dissolveSequences(model, ort)
  const inLoops = await unrollKnownLoops(model, ort)
  if (inLoops.size === 0) return constants
  const inRounds = await inlineDecidedBranches(model, ort)
  await dissolveSequences(model, ort)
  return new Set([...constants, ...inLoops, ...inRounds])
}
