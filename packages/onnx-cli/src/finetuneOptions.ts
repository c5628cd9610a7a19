import type { ParseArgsConfig } from 'node:util'
import type { OptimizerFlags } from './optimizerChoice.js'
import { UsageError } from './usageError.js'
import { countOf, list, namedOptimizer, optimizerOptions, type Values } from './values.js'

/** Options of `finetune`. */
export interface FinetuneCommand {
  readonly folder: string
  readonly data: readonly string[]
  readonly evalData: readonly string[]
  readonly output: string
  readonly dtype: string | undefined
  readonly task: string | undefined
  readonly labels: readonly string[] | undefined
  readonly problem: string | undefined
  readonly pooling: string | undefined
  readonly lora:
    | { readonly rank: number; readonly alpha?: number; readonly targets?: string }
    | false
    | undefined
  readonly epochs: number | undefined
  readonly batchSize: number | undefined
  readonly maxLength: number | undefined
  readonly seed: number | undefined
  readonly optimizer: OptimizerFlags | undefined
  readonly threads: number
  readonly logEvery: number
}

/** The flags of `finetune`. */
export const finetuneFlags = {
  data: { type: 'string', multiple: true },
  'eval-data': { type: 'string', multiple: true },
  output: { type: 'string', short: 'o' },
  dtype: { type: 'string' },
  task: { type: 'string' },
  labels: { type: 'string' },
  problem: { type: 'string' },
  pooling: { type: 'string' },
  lora: { type: 'string', multiple: true },
  epochs: { type: 'string' },
  'batch-size': { type: 'string' },
  'max-length': { type: 'string' },
  seed: { type: 'string' },
  ...optimizerOptions,
  threads: { type: 'string' },
  'log-every': { type: 'string' },
} as const satisfies ParseArgsConfig['options']

/** Reads the flags of `finetune`. */
export function finetuneOptions(folder: string, values: Values): FinetuneCommand {
  const text = (name: string): string | undefined => values[name] as string | undefined
  const data = (values['data'] ?? []) as readonly string[]
  if (data.length === 0) throw new UsageError('finetune: say what to learn, --data FILE.jsonl')
  const output = text('output')
  if (output === undefined || output === '') throw new UsageError('finetune: say where to, --output DIR')
  return {
    folder,
    data,
    evalData: (values['eval-data'] ?? []) as readonly string[],
    output,
    dtype: text('dtype'),
    task: text('task'),
    labels: list(text('labels')),
    problem: text('problem'),
    pooling: text('pooling'),
    lora: loraOf(values['lora'] as readonly string[] | undefined),
    epochs: countOf(values, 'epochs'),
    batchSize: countOf(values, 'batch-size'),
    maxLength: countOf(values, 'max-length'),
    seed: countOf(values, 'seed', 0),
    optimizer: namedOptimizer(values),
    threads: countOf(values, 'threads') ?? 1,
    logEvery: countOf(values, 'log-every') ?? 10,
  }
}

/** The adapters, from `rank=8,alpha=16` or `none`. */
function loraOf(given: readonly string[] | undefined): FinetuneCommand['lora'] {
  if (given === undefined) return undefined
  const parts = given.flatMap((text) => list(text)!)
  if (parts.length === 1 && parts[0] === 'none') return false
  const entries = Object.fromEntries(
    parts.map((part) => {
      const at = part.indexOf('=')
      return [part.slice(0, Math.max(at, 0)), part.slice(at + 1)] as const
    }),
  )
  const { rank = '8', alpha, targets, ...others } = entries
  const numbers = [rank, ...(alpha === undefined ? [] : [alpha])]
  if (
    Object.keys(others).length > 0 ||
    numbers.some((text) => text.trim() === '' || Number.isNaN(Number(text)))
  ) {
    throw new UsageError(
      `--lora takes rank=N, alpha=X and targets=GLOB, separated by commas, or none, given ${JSON.stringify(given.join(','))}`,
    )
  }
  return {
    rank: Number(rank),
    ...(alpha !== undefined && { alpha: Number(alpha) }),
    ...(targets !== undefined && { targets }),
  }
}
