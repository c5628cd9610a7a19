import { requireInteger, requireKnown } from '../errors.js'
import { createRandom } from '../random.js'
import { assemble, type Hyperparameters, type PlainParameter } from '../space/space.js'
import { fromUnit, toUnit } from '../space/unit.js'
import { type Density, parzen, shares } from './parzen.js'
import { quasiRandom } from './quasiRandom.js'
import { compareTried, type Proposal, type Sampler } from './sampler.js'

/** The options of `tpe`. */
export interface TpeOptions {
  /** Quasi-random configurations before the model has a say (default 10). */
  readonly startup?: number
  /** Draws per parameter from which the best is taken (default 24). */
  readonly candidates?: number
}

/** γ, the share of configurations that count as good, and the largest number of them. */
const [goodShare, mostGood] = [0.15, 25]

/** As many of the others tell their density; more of them would only take longer. */
const mostOthers = 500

/**
 * The tree-structured Parzen estimator (J. Bergstra et al., 2011): configurations are split into good and other ones, and
 * each parameter takes, of some draws from the density of the good ones, the one with the largest ratio to the density of
 * the others. Parameters are looked at one by one, a conditional one among the configurations that have it. The best 15 %
 * are good, as in the paper, but no more than 25, as in Hyperopt.
 *
 * @throws ERR_OPTION if an option is unknown or no whole number of at least 1
 */
export function tpe(options: TpeOptions = {}): Sampler {
  requireKnown('tpe', options, ['startup', 'candidates'])
  const { startup = 10, candidates = 24 } = options
  requireInteger('startup', startup, 1)
  requireInteger('candidates', candidates, 1)
  const start = quasiRandom()
  return {
    name: 'tpe',
    options: { startup, candidates },
    learns: true,
    propose: (proposal) =>
      proposal.tried.length < startup ? start.propose(proposal) : proposeByModel(proposal, candidates),
  }
}

function proposeByModel({ space, index, seed, tried }: Proposal, candidates: number): Hyperparameters {
  const ranked = [...tried].sort(compareTried).map(({ hyperparameters }) => hyperparameters)
  const good = Math.min(Math.ceil(goodShare * ranked.length), mostGood)
  return assemble(space, (name, parameter, dimension) => {
    const places = (part: readonly Hyperparameters[]): number[] =>
      part.flatMap((values) => (name in values ? [toUnit(parameter, values[name]!)] : []))
    const [better, others] = [ranked.slice(0, good), spread(ranked.slice(good), mostOthers)].map((part) =>
      estimate(parameter, places(part)),
    ) as [Density, Density]
    const random = createRandom(seed, index, dimension, candidates)
    let [best, bestRatio] = [0, -Infinity]
    for (let draw = 0; draw < candidates; draw++) {
      const place = better.draw(random)
      const ratio = better.logDensity(place) - others.logDensity(place)
      if (ratio > bestRatio) [best, bestRatio] = [place, ratio]
    }
    return fromUnit(parameter, best)
  })
}

function estimate(parameter: PlainParameter, places: readonly number[]): Density {
  return parameter.kind === 'choice' ? shares(places, parameter.values.length) : parzen(places)
}

/** At most so many elements, at even distances. */
function spread<T>(list: readonly T[], count: number): readonly T[] {
  if (list.length <= count) return list
  return Array.from({ length: count }, (_, index) => list[Math.floor((index * list.length) / count)]!)
}
