import { embeddingStructureOf } from '../transformation/embedding.js'
import { structureOf, type Preconditioner } from '../transformation/preconditioner.js'
import type { GroupSettings } from '../transformation/types.js'

/** Whether the factor is always 1, so that neither it nor s has to be computed. */
export function isPlainBase(settings: GroupSettings): boolean {
  return settings.xi === 0 && settings.embedding.name === 'identity' && settings.startAxis === undefined
}

/** Everything of a group's settings that its metric graph depends on. Groups of equal form share it. */
export interface MetricForm extends Pick<GroupSettings, 'embedding' | 'averagedModel' | 'onBadLoss'> {
  readonly isPlain: boolean
  /** Whether there is a start axis, and whether it ends with the training. */
  readonly startAxis: 'no' | 'open' | 'ending'
  readonly limitsGrowth: boolean
  readonly capRises: boolean
}

/** The form of a group's metric. */
export function metricForm(settings: GroupSettings): MetricForm {
  const { embedding, averagedModel, onBadLoss, startAxis, growthRate, risingCap } = settings
  return {
    embedding,
    averagedModel,
    onBadLoss,
    isPlain: isPlainBase(settings),
    startAxis: startAxis === undefined ? 'no' : startAxis.steps === undefined ? 'open' : 'ending',
    limitsGrowth: growthRate !== undefined,
    capRises: risingCap !== undefined,
  }
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
