import type { Case } from '../case.js'
import { features, isPlain, type Feature, type Manifest } from '../manifest.js'
import type { PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'
import { small } from './table.js'

const grouped = small.map((p, i) => ({ ...p, group: i === 0 ? 'body' : 'head' }))

/** Capabilities that a probe of another one does not use: they ask for functions, for matrices or for a base within. */
const special: ReadonlySet<string> = new Set([
  'base/custom',
  'embedding/custom',
  'base/muon',
  'base/normuon',
  'base/scheduleFree',
])

/** A minimal problem that uses a feature, with a base and an embedding that the manifest declares. */
export function probe(feature: Feature, manifest: Pick<Manifest, 'capabilities'>): Problem {
  const declared = (kind: string): string | undefined =>
    manifest.capabilities
      .find((name) => name.startsWith(`${kind}/`) && !special.has(name))
      ?.slice(kind.length + 1)
  const [kind, name] = feature.split('/') as [string, string | undefined]
  const base = kind === 'base' && name !== 'custom' ? name! : (declared('base') ?? 'muon')
  const embedding = kind === 'embedding' && name !== 'custom' ? name! : (declared('embedding') ?? 'identity')
  const xi = isPlain(manifest) ? 0 : 0.25
  const named = { name: base, ...(base === 'scheduleFree' && { base: { name: declared('base') ?? 'sgd' } }) }
  const plain = { base: named, embedding: { name: embedding }, learningRate: 0.25, xi }
  const changes: Partial<Record<Feature, Partial<PlainTransformation>>> = {
    schedules: { learningRate: { schedule: 'linear', from: 0.25, to: 0, steps: 4 } },
    weightDecay: { weightDecay: 0.125 },
    decayMask: { weightDecay: 0.125, decayMask: 'matrices' },
    decayScaling: { weightDecay: 0.125, decayScaling: 'step' },
    tiedXi: { xi: 'rate' },
    followingFloor: { embedding: { name: declaredLog(manifest), floor: 'follow' } },
    averagedModel: { averagedModel: true, embedding: { name: declaredLog(manifest) } },
    startAxis: { startAxis: { weight: 1 } },
    averageWeights: { averageWeights: 1 },
    'averageWeights/ema': { averageWeights: { ema: 0.5 } },
    'averageWeights/swa': { averageWeights: { swa: {} } },
    lookahead: { lookahead: { syncPeriod: 2 } },
    growthRate: { growthRate: 1.5 },
    risingCap: { risingCap: {} },
    groups: { groups: { head: { learningRate: 0.125 } } },
    metricScope: { metricScope: 'parameter' },
    clipNorm: { clipNorm: 1 },
    'clipNorm/parameter': { clipNorm: { norm: 1, per: 'parameter' } },
    clipValue: { clipValue: 1 },
    adaptiveClip: { adaptiveClip: { factor: 0.25, rows: 'outputs' } },
    accumulate: { accumulate: 2 },
    throwOnNonFinite: { onNonFinite: 'throw' },
    // Support does not depend on whether `identity` reads the policy.
    badLossPolicies: { onBadLoss: 'skip', embedding: { name: declaredLog(manifest) } },
  }
  return {
    transformation: { ...plain, ...changes[feature] },
    parameters:
      base === 'muon' || base === 'normuon'
        ? [{ name: 'kernel', shape: [2, 3] }]
        : feature === 'groups'
          ? grouped
          : small,
    steps: 2,
    seed: 900,
    loss: { first: 2, ratio: 0.75 },
    ...(feature === 'missingGradients' ? { missing: { 2: [0] } } : {}),
  }
}

/** An embedding that reads the loss. */
function declaredLog({ capabilities }: Pick<Manifest, 'capabilities'>): string {
  const names = ['log', 'logDamped', 'root'] as const
  return names.find((name) => capabilities.includes(`embedding/${name}`)) ?? 'log'
}

/** The smallest problem a manifest can run. */
export function smallest(manifest: Pick<Manifest, 'capabilities'>): Problem {
  return probe('embedding/identity', manifest)
}

/** One case per feature. Its problem is a probe that is built for the target when the case runs. */
export const supportCases: readonly Case[] = features.map((feature): Case => ({
  id: `support/${feature}/0001`,
  title: `${feature} works where it is declared, and is ERR_NOT_SUPPORTED where it is not`,
  check: 'support',
  capability: feature,
  dtype: 'float32',
  requires: [feature],
}))
