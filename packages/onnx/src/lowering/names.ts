/** The input that says whether gradients start afresh. */
export const resetName = 'lazy_reset_grad'

/** The input that accumulates the gradients of a parameter. The genuine runtime finds it by this name. */
export function bufferName(parameter: string): string {
  return `${parameter}_grad.accumulation.buffer`
}

/** The prefix of the metadata key that names a parameter's buffer, if the buffer has another name. */
export const bufferKey = 'induced-metric.gradient-buffer.'
