import type { Evaluation } from './network.js'

/** An evaluation in words. */
export function describeEvaluation(evaluation: Evaluation): string {
  if ('text' in evaluation) return evaluation.text
  const { accuracy, of } = evaluation
  return `${(100 * accuracy).toFixed(1)} % of ${of.toLocaleString('en')} digits that it was not trained on`
}
