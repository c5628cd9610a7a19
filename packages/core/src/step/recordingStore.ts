import { embeddingStructureOf } from '../transformation/embedding.js'
import { structureOf, type Preconditioner } from '../transformation/preconditioner.js'
import type { GroupSettings } from '../transformation/types.js'
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
export function textOfForm(form: StepForm): string | undefined {
  const structure = structureOf(form.base)
  if (structure === undefined) return undefined
  const { matrix, isOwnMatrix, rows, metric, decays, model, averages, looksAhead } = form
  const { clips, clipsValue, clipsUnits } = form
  const limits = [clips, clipsValue, clipsUnits]
  return [structure, matrix, isOwnMatrix, rows, metric, decays, ...limits, model, averages, looksAhead].join()
}

/**
 * The text on which the graph of a metric depends; `undefined` where a definition is not the core's own.
 *
 * @param bases of the parameters that are summed over, where the model is averaged
 * @param isPlain whether the factor is always 1
 */
export function textOfMetric(
  { embedding, averagedModel, startAxis, growthRate, onBadLoss }: GroupSettings,
  bases: readonly Preconditioner[],
  isPlain: boolean,
): string | undefined {
  const structures = [embeddingStructureOf(embedding), ...bases.map(structureOf)]
  if (structures.includes(undefined)) return undefined
  const axis = startAxis === undefined ? 'no' : startAxis.steps === undefined ? 'open' : 'ending'
  return [isPlain, averagedModel, axis, growthRate === undefined, onBadLoss, ...structures].join()
}
