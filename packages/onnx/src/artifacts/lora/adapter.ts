import { create } from '@bufbuild/protobuf'
import { optionError } from '@induced-metric/core/adapter'
import type { Model } from '../../proto/model.js'
import { StringStringEntryProtoSchema } from '../../proto/onnx_pb.js'

/** The parts of a weight that projects to queries, keys and values at once. */
export const projections = ['q', 'k', 'v'] as const
/** A part of such a weight. */
export type Projection = (typeof projections)[number]

/** Whether a value names a part. */
export function isProjection(part: unknown): part is Projection {
  return projections.some((known) => known === part)
}

/** The form of a weight's adapter. */
export interface Adapter {
  /** The product of the factors is multiplied by this. */
  readonly scale: number
  /** Whether the weight is stored as [outputs, inputs], as behind a transposition, or as [inputs, outputs]. */
  readonly stored: 'outputsFirst' | 'inputsFirst'
  /** The parts that change, each a third of the outputs. Default: the whole weight. */
  readonly parts?: readonly Projection[]
}

/** A factor of a change, or its transpose. */
export interface Factor {
  readonly name: string
  readonly transposed: boolean
}

/** The two factors of the change of a weight or of a part of it. */
export interface FactorPair {
  readonly a: string
  readonly b: string
  /** The first of the outputs that change, in thirds of all. */
  readonly third: number
}

/** The metadata key under which a model lists its adapters, as JSON by the names of the weights. */
const adaptersKey = 'induced-metric.lora'

/** The names of the factors of a weight's change, by part. */
export function factorsOf(weight: string, { parts }: Pick<Adapter, 'parts'>): readonly FactorPair[] {
  if (!parts) return [{ a: `${weight}.lora_A`, b: `${weight}.lora_B`, third: 0 }]
  return parts.map((part) => ({
    a: `${weight}.${part}.lora_A`,
    b: `${weight}.${part}.lora_B`,
    third: projections.indexOf(part),
  }))
}

/** The names of all factors of a weight's change. */
export function factorNames(weight: string, adapter: Pick<Adapter, 'parts'>): readonly string[] {
  return factorsOf(weight, adapter).flatMap(({ a, b }) => [a, b])
}

/** The name of a node or value of a weight's adapter. With '' it is the prefix of all such names. */
export function partOf(weight: string, hint: string): string {
  return `${weight}.lora/${hint}`
}

/** The number of outputs and inputs of a weight. All that a filter of a convolution reads are its inputs. */
export function extentsOf(
  dims: readonly number[],
  stored: Adapter['stored'],
): { readonly outputs: number; readonly inputs: number } {
  const [first = 1, ...others] = dims
  const rest = others.reduce((product, extent) => product * extent, 1)
  return stored === 'outputsFirst' ? { outputs: first, inputs: rest } : { outputs: rest, inputs: first }
}

/** The extents of the factors: a is [rank, inputs], b is [outputs, rank], where a part has a third of the outputs. */
export function factorShapes(
  dims: readonly number[],
  { stored, parts }: Pick<Adapter, 'stored' | 'parts'>,
  rank: number,
): { readonly a: readonly [number, number]; readonly b: readonly [number, number] } {
  const { outputs, inputs } = extentsOf(dims, stored)
  return { a: [rank, inputs], b: [parts ? outputs / 3 : outputs, rank] }
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
      ([, { scale, stored, parts }]) =>
        Number.isFinite(scale) &&
        (stored === 'outputsFirst' || stored === 'inputsFirst') &&
        (parts === undefined || (Array.isArray(parts) && parts.every(isProjection))),
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
