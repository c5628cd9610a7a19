import { create } from '@bufbuild/protobuf'
import { InducedMetricError } from '@induced-metric/core'
import type { Model } from '../../proto/model.js'
import { StringStringEntryProtoSchema } from '../../proto/onnx_pb.js'

/** How the adapter of a weight is to be read. */
export interface Adapter {
  /** What the product of the factors is multiplied with. */
  readonly scale: number
  /** Whether the weight is [outputs, inputs], as behind a transposition, or [inputs, outputs]. */
  readonly stored: 'outputsFirst' | 'inputsFirst'
}

/** A factor of a change, or its transposition. */
export interface Factor {
  readonly name: string
  readonly transposed: boolean
}

/** The metadata under which a model says what adapters it has: JSON, by the names of the weights. */
const adaptersKey = 'induced-metric.lora'

/** What the two factors of a weight's change are called. */
export function factorsOf(weight: string): { readonly a: string; readonly b: string } {
  return { a: `${weight}.lora_A`, b: `${weight}.lora_B` }
}

/** The name of a node or value that belongs to a weight's adapter; with '' what all such names start with. */
export function partOf(weight: string, hint: string): string {
  return `${weight}.lora/${hint}`
}

/** The extents of the factors: a is [rank, inputs], b is [outputs, rank]. */
export function factorShapes(
  dims: readonly number[],
  stored: Adapter['stored'],
  rank: number,
): { readonly a: readonly [number, number]; readonly b: readonly [number, number] } {
  const [outputs, inputs] = stored === 'outputsFirst' ? [dims[0]!, dims[1]!] : [dims[1]!, dims[0]!]
  return { a: [rank, inputs], b: [outputs, rank] }
}

/**
 * The adapters that a model says it has, by weight.
 *
 * @throws ERR_OPTION when what it says cannot be read
 */
export function adaptersOf(model: Model): Map<string, Adapter> {
  const text = model.metadataProps.find(({ key }) => key === adaptersKey)?.value
  if (text === undefined) return new Map()
  try {
    const adapters = Object.entries(JSON.parse(text) as Record<string, Adapter>)
    const isRead = adapters.every(
      ([, { scale, stored }]) =>
        Number.isFinite(scale) && (stored === 'outputsFirst' || stored === 'inputsFirst'),
    )
    if (isRead) return new Map(adapters)
  } catch {
    // What it is not is said below.
  }
  throw new InducedMetricError(
    'ERR_OPTION',
    `the model's metadata ${adaptersKey} are not what addLora wrote: ${text.slice(0, 80)}`,
  )
}

/** Lets a model say what adapters it has. */
export function setAdapters(model: Model, adapters: ReadonlyMap<string, Adapter>): void {
  model.metadataProps = model.metadataProps.filter(({ key }) => key !== adaptersKey)
  if (adapters.size === 0) return
  const value = JSON.stringify(Object.fromEntries(adapters))
  model.metadataProps.push(create(StringStringEntryProtoSchema, { key: adaptersKey, value }))
}
