import { create } from '@bufbuild/protobuf'
import { optionError } from '@induced-metric/core/adapter'
import type { Model } from '../../proto/model.js'
import { StringStringEntryProtoSchema } from '../../proto/onnx_pb.js'

/** The form of a weight's adapter. */
export interface Adapter {
  /** The product of the factors is multiplied by this. */
  readonly scale: number
  /** Whether the weight is stored as [outputs, inputs], as behind a transposition, or as [inputs, outputs]. */
  readonly stored: 'outputsFirst' | 'inputsFirst'
}

/** A factor of a change, or its transpose. */
export interface Factor {
  readonly name: string
  readonly transposed: boolean
}

/** The metadata key under which a model lists its adapters, as JSON by the names of the weights. */
const adaptersKey = 'induced-metric.lora'

/** The names of the two factors of a weight's change. */
export function factorsOf(weight: string): { readonly a: string; readonly b: string } {
  return { a: `${weight}.lora_A`, b: `${weight}.lora_B` }
}

/** The name of a node or value of a weight's adapter. With '' it is the prefix of all such names. */
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
 * Reads the adapters that a model lists, by weight.
 *
 * @throws ERR_OPTION if the list cannot be read
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
    // Text that is not JSON is refused below.
  }
  throw optionError(`the model's metadata ${adaptersKey} are not what addLora wrote: ${text.slice(0, 80)}`)
}

/** Stores the list of a model's adapters in it. */
export function setAdapters(model: Model, adapters: ReadonlyMap<string, Adapter>): void {
  model.metadataProps = model.metadataProps.filter(({ key }) => key !== adaptersKey)
  if (adapters.size === 0) return
  const value = JSON.stringify(Object.fromEntries(adapters))
  model.metadataProps.push(create(StringStringEntryProtoSchema, { key: adaptersKey, value }))
}
