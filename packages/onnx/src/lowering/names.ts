/** The input that says whether gradients start afresh. */
export const resetName = 'lazy_reset_grad'

/** The input in which the gradients of a parameter are added up, by which the genuine runtime knows it. */
export function bufferName(parameter: string): string {
  return `${parameter}_grad.accumulation.buffer`
}

/** What precedes the parameter in the metadata that name its buffer, where that has another name. */
export const bufferKey = 'induced-metric.gradient-buffer.'
