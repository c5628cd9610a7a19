import type { TensorFlow } from './namespace.js'

/**
 * The least ε in half precision, which TensorFlow.js also uses for its own optimisers there. The smallest number of half
 * precision is 6e-8, and many devices take anything below 6e-5 for 0.
 */
export const leastHalfEpsilon = 1e-4

/**
 * Whether the backend stores tensors in half precision: webgl does on devices that cannot render to textures of 32 bits,
 * and wherever `WEBGL_FORCE_F16_TEXTURES` is set. (`backend.floatPrecision()` does not tell: it returns 16 for textures of
 * 32 bits, too.)
 */
export function isHalfPrecision(tf: TensorFlow): boolean {
  return tf.getBackend() === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')
}
