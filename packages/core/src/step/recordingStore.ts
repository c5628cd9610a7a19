import { embeddingStructureOf } from '../transformation/embedding.js'
import { structureOf, type Preconditioner } from '../transformation/preconditioner.js'
import type { MetricForm } from './metricGraph.js'
import type { StepForm } from './stepGraph.js'

/**
 * Keeps what is recorded of the core's own definitions for later optimisers, by texts on which it depends. A recording takes
 * longer than many steps on few weights.
 *
 * @returns a function that records what it does not have; always where the text is `undefined`
 */
export function createRecordingStore<T>(): (text: string | undefined, record: () => T) => T {
  const kept = new Map<string, T>()
  return (text, record) => {
    if (text === undefined) return record()
    let found = kept.get(text)
    if (found === undefined) kept.set(text, (found = record()))
    return found
  }
}

/** The text on which the graphs of a parameter depend; `undefined` for a base that is not the core's own. */
export function textOfForm({ base, ...form }: StepForm): string | undefined {
  const structure = structureOf(base)
  return structure && `${structure} ${JSON.stringify(form)}`
}

/**
 * The text on which the graph of a metric depends; `undefined` where a definition is not the core's own.
 *
 * @param bases of the parameters that are summed over, where the model is averaged
 */
export function textOfMetric(
  { embedding, ...form }: MetricForm,
  bases: readonly Preconditioner[],
): string | undefined {
  const structures = [embeddingStructureOf(embedding), ...bases.map(structureOf)]
  return structures.includes(undefined) ? undefined : `${structures.join()} ${JSON.stringify(form)}`
}
