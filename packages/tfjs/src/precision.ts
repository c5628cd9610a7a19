import type { TensorFlow } from './namespace.js'

/**
 * Whether the backend stores tensors in half precision: webgl does on devices that cannot render to textures of 32 bits,
 * and wherever `WEBGL_FORCE_F16_TEXTURES` is set. (`backend.floatPrecision()` does not tell: it returns 16 for textures of
 * 32 bits, too.)
 */
export function isHalfPrecision(tf: TensorFlow): boolean {
  return tf.getBackend() === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')
}
