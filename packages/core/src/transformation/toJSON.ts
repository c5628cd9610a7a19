import { unsupported } from '../errors.js'
import { hyperparameterToJSON, scheduledToJSON } from './hyperparameter.js'
import type { Preconditioner } from './preconditioner.js'
import { isTied } from './tiedXi.js'
import type { ComponentJSON, GroupJSON, GroupSettings, Transformation, TransformationJSON } from './types.js'

function componentToJSON(
  path: string,
  { name, hyperparameters, wraps }: Pick<Preconditioner, 'name' | 'hyperparameters' | 'wraps'>,
): ComponentJSON {
  const json: Record<string, unknown> = { name }
  if (wraps) json['base'] = componentToJSON(`${path}.base`, wraps.base)
  for (const [key, value] of Object.entries(wraps?.own ?? hyperparameters)) {
    json[key] = hyperparameterToJSON(`${path}.${key}`, value)
  }
  return json as ComponentJSON
}

function groupToJSON(path: string, settings: GroupSettings): GroupJSON {
  const { decayMask, decayScaling, xi, averagedModel, startAxis, growthRate, risingCap } = settings
  const { clipNorm, clipValue, adaptiveClip, averageWeights, lookahead } = settings
  if (typeof decayMask === 'function') {
    throw unsupported(
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
    ...(clipValue === undefined ? {} : { clipValue }),
    ...(adaptiveClip === undefined ? {} : { adaptiveClip }),
    // A group would inherit an absent option.
    ...(path !== '' || decayScaling !== (isTied(xi) ? 'step' : 'rate') ? { decayScaling } : {}),
    ...(path !== '' || averagedModel ? { averagedModel } : {}),
    ...(startAxis && { startAxis }),
    ...(growthRate === undefined ? {} : { growthRate }),
    ...(risingCap && { risingCap }),
    ...(averageWeights === undefined ? {} : { averageWeights }),
    ...(lookahead && { lookahead }),
  }
}

/**
 * A transformation as plain data.
 *
 * @throws ERR_NOT_SUPPORTED when an option is a function of the caller
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
    ...(transformation.accumulate === 1 ? {} : { accumulate: transformation.accumulate }),
    ...(groups.length === 0 ? {} : { groups: Object.fromEntries(groups) as Record<string, GroupJSON> }),
  }
}
