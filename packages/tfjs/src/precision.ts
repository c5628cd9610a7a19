import type { TensorFlow } from './namespace.js'

/**
 * The least ε for half precision, as TensorFlow.js has it for its own optimisers there. The smallest number of half
 * precision is 6e-8, and many devices take anything below 6e-5 for 0.
 */
export const leastHalfEpsilon = 1e-4

/**
 * Whether the backend keeps tensors in half precision: webgl on devices that cannot render to textures of 32 bits, and
 * wherever `WEBGL_FORCE_F16_TEXTURES` is set. (`backend.floatPrecision()` says 16 of textures of 32 bits, too.)
 */
export function isHalfPrecision(tf: TensorFlow): boolean {
  return tf.getBackend() === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')
}
