import { InducedMetricError } from './errors.js'
import { scheduledToJSON, type HyperparameterJSON, type HyperparameterValues } from './hyperparameter.js'
import type { ScheduleJSON } from './schedules.js'
import type { GroupSettings, Transformation } from './transformation.js'

/** A preconditioner or embedding as data: its name beside its hyperparameters. */
export type ComponentJSON =
  | (HyperparameterJSON & { readonly name: never })
  | { readonly name: string; readonly [key: string]: unknown }

/** A group's options as data. */
export interface GroupJSON {
  readonly base?: ComponentJSON
  readonly learningRate?: number | ScheduleJSON
  readonly xi?: number | 'auto' | ScheduleJSON
  readonly beta?: number
  readonly embedding?: ComponentJSON
  readonly weightDecay?: number | ScheduleJSON
  readonly decayMask?: 'all' | 'matrices' | readonly string[]
  readonly fallback?: ComponentJSON
  readonly onBadLoss?: 'throw' | 'skip' | 'base' | 'zero'
  readonly clipNorm?: number
}

/** A transformation as data. Keys that are left out have their defaults. */
export interface TransformationJSON extends GroupJSON {
  readonly format: 'induced-metric'
  readonly version: 1
  readonly base: ComponentJSON
  readonly learningRate: number | ScheduleJSON
  readonly onNonFinite?: 'skip' | 'throw'
  readonly metricScope?: 'global' | 'group' | 'parameter'
  readonly groups?: Readonly<Record<string, GroupJSON>>
}

function componentToJSON(
  path: string,
  component: { name: string; hyperparameters: HyperparameterValues },
): ComponentJSON {
  const json: Record<string, unknown> = { name: component.name }
  for (const [key, value] of Object.entries(component.hyperparameters)) {
    json[key] = typeof value === 'boolean' ? value : scheduledToJSON(`${path}.${key}`, value)
  }
  return json as ComponentJSON
}

function groupToJSON(path: string, settings: GroupSettings): GroupJSON {
  const { decayMask } = settings
  if (typeof decayMask === 'function') {
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `${path}decayMask is a function and cannot be saved; use 'matrices' or a list of names where saving matters`,
    )
  }
  return {
    base: componentToJSON(`${path}base`, settings.base),
    learningRate: scheduledToJSON(`${path}learningRate`, settings.learningRate),
    xi: settings.xi === 'auto' ? 'auto' : scheduledToJSON(`${path}xi`, settings.xi),
    beta: settings.beta,
    embedding: componentToJSON(`${path}embedding`, settings.embedding),
    weightDecay: scheduledToJSON(`${path}weightDecay`, settings.weightDecay),
    decayMask: typeof decayMask === 'string' ? decayMask : [...decayMask],
    fallback: componentToJSON(`${path}fallback`, settings.fallback),
    onBadLoss: settings.onBadLoss,
    ...(settings.clipNorm === undefined ? {} : { clipNorm: settings.clipNorm }),
  }
}

/**
 * A transformation as plain data.
 *
 * @throws ERR_NOT_SUPPORTED when an option is a function of the caller's
 */
export function transformationToJSON(transformation: Omit<Transformation, 'toJSON'>): TransformationJSON {
  const groups = Object.entries(transformation.groups).map(([label, group]) => [
    label,
    groupToJSON(`groups.${label}.`, group),
  ])
  return {
    format: 'induced-metric',
    version: 1,
    ...(groupToJSON('', transformation.settings) as Pick<TransformationJSON, 'base' | 'learningRate'>),
    onNonFinite: transformation.onNonFinite,
    metricScope: transformation.metricScope,
    ...(groups.length === 0 ? {} : { groups: Object.fromEntries(groups) as Record<string, GroupJSON> }),
  }
}
