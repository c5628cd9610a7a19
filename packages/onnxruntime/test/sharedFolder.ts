import { fileURLToPath } from 'node:url'

/**
 * Where artifacts of other projects lie, with what the training build computes on them. They are no part of this
 * repository: tests that need them run where they lie beside it, or where this variable says.
 */
export const sharedFolder =
  process.env['ONNX_ARTIFACTS'] ?? fileURLToPath(new URL('../../../../shared/onnx', import.meta.url))
