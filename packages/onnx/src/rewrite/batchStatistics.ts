import { InducedMetricError } from '@induced-metric/core'
import type { Extent } from './valueTypes.js'

/** Throws ERR_SHAPE where a model says itself that a batch normalisation is to have one value for each channel. */
export function refuseSingleValue(name: string, shape: readonly Extent[] | undefined): void {
  if (shape !== undefined && shape.length >= 2 && shape.every((extent, axis) => axis === 1 || extent === 1)) {
    throw singleValueError('generateArtifacts', name, shape)
  }
}

/** The error of a method whose batch normalisation has a single value for each channel. */
export function singleValueError(
  method: string,
  name: string,
  extents: readonly Extent[],
): InducedMetricError {
  return new InducedMetricError(
    'ERR_SHAPE',
    `${method}: a batch normalisation has one value for each channel, ${JSON.stringify(name)} of ` +
      `[${extents.map((extent) => extent ?? '?').join(', ')}], and makes 0 of it, so that nothing before it learns: train with ` +
      "more than one example at a time (generateArtifacts frees a batch that is fixed: inputs: { x: ['batch', …] }), or " +
      "generate the artifacts with batchNormalization: 'inference'",
  )
}
