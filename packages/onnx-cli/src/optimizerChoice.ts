import {
  adagrad,
  adam,
  fromJSON,
  heavyBall,
  identity,
  inducedMetric,
  InducedMetricError,
  lion,
  log,
  logDamped,
  muon,
  rmsprop,
  root,
  sgd,
  type Transformation,
} from '@induced-metric/core'
import { readGiven } from './io.js'
import { UsageError } from './usageError.js'

/** The flags of the optimiser. */
export interface OptimizerFlags {
  /** `<base>` or `<base> <embedding>`, as in `adam identity`. */
  readonly optimizer: string
  readonly learningRate?: number | undefined
  readonly xi?: number | 'auto' | 'rate' | undefined
  readonly beta?: number | undefined
  readonly momentum?: number | undefined
  readonly weightDecay?: number | undefined
  readonly clipNorm?: number | undefined
  readonly floor?: number | 'follow' | undefined
}

const bases = { sgd, heavyBall, rmsprop, adagrad, adam, lion, muon } as const
const embeddings = { identity, root, log, logDamped } as const
/** The default learning rates. */
const defaultRates: Readonly<Record<string, number>> = { adam: 1e-3, lion: 1e-4, rmsprop: 1e-3 }
const withMomentum = new Set(['sgd', 'heavyBall', 'rmsprop', 'muon'])

/** The names that {@link chooseOptimizer} knows, for the help text. */
export const optimizerNames = { bases: Object.keys(bases), embeddings: Object.keys(embeddings) }

/**
 * Creates the transformation that the command line names.
 *
 * @param json - the contents of the file, if `optimizer` names one
 * @throws UsageError for an unknown name or a value out of its range
 */
export function chooseOptimizer(flags: OptimizerFlags, json?: string): Transformation {
  try {
    return json === undefined ? fromNames(flags) : fromText(json, flags.optimizer)
  } catch (error) {
    if (error instanceof InducedMetricError && error.code === 'ERR_OPTION') {
      throw new UsageError(`--optimizer ${flags.optimizer}: ${error.message.slice('ERR_OPTION: '.length)}`)
    }
    throw error
  }
}

/** Like {@link chooseOptimizer}, but reads the file that `optimizer` names, if it names one. */
export async function optimizerOf(flags: OptimizerFlags): Promise<Transformation> {
  if (!flags.optimizer.endsWith('.json')) return chooseOptimizer(flags)
  return chooseOptimizer(flags, new TextDecoder().decode(await readGiven(flags.optimizer)))
}

function fromText(json: string, file: string): Transformation {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new UsageError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  return fromJSON(value)
}

function fromNames(flags: OptimizerFlags): Transformation {
  const { learningRate, xi, beta, momentum, weightDecay, clipNorm, floor } = flags
  const [base = '', embedding = 'identity', ...rest] = flags.optimizer.trim().split(/[\s,+]+/)
  if (!Object.hasOwn(bases, base) || !Object.hasOwn(embeddings, embedding) || rest.length > 0) {
    const known = `bases: ${optimizerNames.bases.join(', ')}; embeddings: ${optimizerNames.embeddings.join(', ')}`
    throw new UsageError(
      `--optimizer ${JSON.stringify(flags.optimizer)}: give a base, and an embedding if you like, as in "adam identity". Known ${known}`,
    )
  }
  if (momentum !== undefined && !withMomentum.has(base)) {
    throw new UsageError(`--momentum goes with ${[...withMomentum].join(', ')}, not with ${base}`)
  }
  if (floor !== undefined && embedding === 'identity') {
    throw new UsageError('--floor goes with the embeddings root, log and logDamped')
  }
  const make = bases[base as keyof typeof bases] as (options?: {
    momentum?: number
  }) => ReturnType<typeof sgd>
  return inducedMetric(make(momentum === undefined ? {} : { momentum }), {
    learningRate: learningRate ?? defaultRates[base] ?? 0.01,
    embedding: embeddings[embedding as keyof typeof embeddings](floor === undefined ? {} : { floor }),
    ...(xi !== undefined && { xi }),
    ...(beta !== undefined && { beta }),
    ...(weightDecay !== undefined && { weightDecay }),
    ...(clipNorm !== undefined && { clipNorm }),
  })
}
