import type { InducedMetricError } from '@induced-metric/core'
import { shapeError } from '@induced-metric/core/adapter'
import type { Extent } from './valueTypes.js'

/** Whether a value of this shape has a single element per channel, whatever is fed. */
export function isSingleValue(shape: readonly Extent[] | undefined): boolean {
  return shape !== undefined && shape.length >= 2 && shape.every((extent, axis) => axis === 1 || extent === 1)
}

/** Throws ERR_SHAPE if a model's own shapes leave a batch normalisation a single value per channel. */
export function refuseSingleValue(name: string, shape: readonly Extent[] | undefined): void {
  if (shape !== undefined && isSingleValue(shape)) throw singleValueError('generateArtifacts', name, shape)
}

/** Creates the error of a method whose batch normalisation has a single value per channel. */
export function singleValueError(
  method: string,
  name: string,
  extents: readonly Extent[],
): InducedMetricError {
  return shapeError(
    `${method}: a batch normalisation has one value for each channel, ${JSON.stringify(name)} of ` +
      `[${extents.map((extent) => extent ?? '?').join(', ')}], and makes 0 of it, so that nothing before it learns: train with ` +
      "more than one example at a time (generateArtifacts frees a batch that is fixed: inputs: { x: ['batch', …] }), or " +
      "generate the artifacts with batchNormalization: 'inference'",
  )
}
