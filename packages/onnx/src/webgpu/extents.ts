import { clone } from '@bufbuild/protobuf'
import { optionError, show } from '@induced-metric/core/adapter'
import type { Model } from '../proto/model.js'
import { ModelProtoSchema, type ValueInfoProto } from '../proto/onnx_pb.js'
import { own } from '../own.js'
import { typeOf } from '../rewrite/valueTypes.js'

/** The number of elements along each named axis, as in `{ batch: 32, sequence: 64 }`. */
export type FixedExtents = Readonly<Record<string, number>>

/**
 * The names of the axes of a model's inputs.
 *
 * @throws ERR_OPTION for an input with an axis of unknown extent and without a name
 */
export function axisNames({ graph }: Model): ReadonlySet<string> {
  const names = new Set<string>()
  const defaults = new Set(graph.initializer.map(({ name }) => name))
  for (const input of graph.input) {
    if (defaults.has(input.name)) continue
    const { shape } = typeOf(input)
    if (shape === undefined || shape.includes(undefined)) {
      throw optionError(
        `the input ${show(input.name)} of the model has an axis without a name, so that no extent can be given for it; make the ` +
          "artifacts with inputs: { name: ['batch', …] }",
      )
    }
    for (const extent of shape) if (typeof extent === 'string') names.add(extent)
  }
  return names
}

/**
 * Gives the named axes of a model numbers of elements.
 *
 * @param model is not changed
 * @throws ERR_OPTION for an axis of an input for which there is none
 */
export function fixExtents(model: Model, extents: FixedExtents): Model {
  const missing = [...axisNames(model)].filter((name) => own(extents, name) === undefined)
  if (missing.length > 0) {
    throw optionError(
      `extents has no number for ${missing.map((name) => show(name)).join(', ')}: give the elements along every named axis of the inputs, ` +
        `as in { ${missing.map((name) => `${name}: 32`).join(', ')} }`,
    )
  }
  const fixed = clone(ModelProtoSchema, model) as Model
  const { input, output, valueInfo } = fixed.graph
  for (const value of [...input, ...output, ...valueInfo]) fixValue(value, extents)
  return fixed
}

function fixValue({ type }: ValueInfoProto, extents: FixedExtents): void {
  if (type?.value.case !== 'tensorType') return
  for (const dim of type.value.value.shape?.dim ?? []) {
    if (dim.value.case !== 'dimParam') continue
    const extent = own(extents, dim.value.value)
    if (extent !== undefined) dim.value = { case: 'dimValue', value: BigInt(extent) }
  }
}
