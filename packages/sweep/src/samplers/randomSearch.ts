import { createRandom } from '../random.js'
import { assemble } from '../space/space.js'
import { fromUnit } from '../space/unit.js'
import type { Proposal, Sampler } from './sampler.js'

/** A configuration whose parameters are drawn independently. */
function drawConfiguration({ space, index, seed }: Omit<Proposal, 'tried'>) {
  return assemble(space, (_, parameter, dimension) =>
    fromUnit(parameter, createRandom(seed, index, dimension)()),
  )
}

/** Random search: every configuration is drawn independently. */
export function random(): Sampler {
  return { name: 'random', options: {}, learns: false, propose: drawConfiguration }
}
