import { InducedMetricError } from '../errors.js'
import {
  hyperparameterToJSON,
  scheduledToJSON,
  type HyperparameterJSON,
  type HyperparameterValues,
} from './hyperparameter.js'
import type { ScheduleJSON } from './schedules.js'
import { isTied, type TiedXi } from './tiedXi.js'
import type { GroupSettings, StartAxis, Transformation } from './transformation.js'

/** A preconditioner or embedding as data: its name beside its hyperparameters. */
export type ComponentJSON =
  | (HyperparameterJSON & { readonly name: never })
  | { readonly name: string; readonly [key: string]: unknown }

/** A group's options as data. */
export interface GroupJSON {
  readonly base?: ComponentJSON
  readonly learningRate?: number | ScheduleJSON
  readonly xi?: number | 'auto' | 'rate' | TiedXi | ScheduleJSON
  readonly beta?: number
  readonly embedding?: ComponentJSON
  readonly weightDecay?: number | ScheduleJSON
  readonly decayMask?: 'all' | 'matrices' | readonly string[]
  readonly fallback?: ComponentJSON
  readonly onBadLoss?: 'throw' | 'skip' | 'base' | 'zero'
  readonly clipNorm?: number
  readonly decayScaling?: 'rate' | 'step'
  readonly averagedModel?: boolean
  readonly startAxis?: StartAxis
  readonly averageWeights?: number
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
    json[key] = hyperparameterToJSON(`${path}.${key}`, value)
  }
  return json as ComponentJSON
}

function groupToJSON(path: string, settings: GroupSettings): GroupJSON {
  const { decayMask, decayScaling, xi, clipNorm, averagedModel, startAxis, averageWeights } = settings
  if (typeof decayMask === 'function') {
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `${path}decayMask is a function and cannot be saved; use 'matrices' or a list of names where saving matters`,
    )
  }
  return {
    base: componentToJSON(`${path}base`, settings.base),
    learningRate: scheduledToJSON(`${path}learningRate`, settings.learningRate),
    xi: xi === 'auto' || isTied(xi) ? xi : scheduledToJSON(`${path}xi`, xi),
    beta: settings.beta,
    embedding: componentToJSON(`${path}embedding`, settings.embedding),
    weightDecay: scheduledToJSON(`${path}weightDecay`, settings.weightDecay),
    decayMask: typeof decayMask === 'string' ? decayMask : [...decayMask],
    fallback: componentToJSON(`${path}fallback`, settings.fallback),
    onBadLoss: settings.onBadLoss,
    ...(clipNorm === undefined ? {} : { clipNorm }),
    // A group would inherit what it leaves out.
    ...(path !== '' || decayScaling !== (isTied(xi) ? 'step' : 'rate') ? { decayScaling } : {}),
    ...(path !== '' || averagedModel ? { averagedModel } : {}),
    ...(startAxis && { startAxis }),
    ...(averageWeights === undefined ? {} : { averageWeights }),
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
