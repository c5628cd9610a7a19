import { dtypesOf, type Case } from './case.js'
import { golden, smallFunctionRows, tied, translateRow } from './golden/index.js'
import { isPlain, type Limit, type Manifest } from './manifest.js'
import type { PlainOptions, PlainTransformation } from './plain.js'
import type { Problem } from './problem.js'
import type { ConformanceTarget } from './target.js'

/** The reason why a target is not asked the question of a case, in words; `undefined` if it is asked. */
export function notAsked(
  { manifest, living }: Pick<ConformanceTarget, 'manifest' | 'living'>,
  oneCase: Case,
): string | undefined {
  if (oneCase.check === 'living' && living === undefined) return 'the target does not count what lives'
  if (manifest.protocol !== undefined && needsSharedMemory(oneCase)) {
    return 'it concerns functions or the reading of options, which no process is sent'
  }
  if (needsArgumentsAsGiven(oneCase) && !manifest.capabilities.includes('asGiven')) {
    return 'the manifest does not declare asGiven'
  }
  const limit = manifest.limits?.find((name) => beyond[name](oneCase))
  if (limit !== undefined) return `the framework has no ${words[limit]}`
  return isPlain(manifest) ? notAskedOfPlain(manifest, oneCase) : undefined
}

/** Whether a case hands over arguments that a target which makes tensors of them would change or fail over. */
function needsArgumentsAsGiven(oneCase: Case): boolean {
  if (['badParameters', 'badStep', 'noTransformation'].includes(oneCase.check)) return true
  return (
    oneCase.check === 'badGradients' &&
    oneCase.mistake !== 'one too many' &&
    oneCase.mistake !== 'an element too few'
  )
}

const words: Readonly<Record<Limit, string>> = {
  emptyTensors: 'tensors without elements',
  scalarTensors: 'tensors of shape []',
  stepsWithoutLoss: 'steps without a loss',
}

/** Whether a case gives a session what a framework with that limit has not. */
const beyond: Readonly<Record<Limit, (oneCase: Case) => boolean>> = {
  emptyTensors: (oneCase) => shapesOf(oneCase).some((shape) => shape.includes(0)),
  scalarTensors: (oneCase) => shapesOf(oneCase).some((shape) => shape.length === 0),
  stepsWithoutLoss: (oneCase) =>
    'outcomes' in oneCase && Object.values(oneCase.outcomes ?? {}).includes('ERR_LOSS_REQUIRED'),
}

/** The shapes of the tensors of a case, as far as they are data. */
function shapesOf(oneCase: Case): (readonly number[])[] {
  const problems = ['problem' in oneCase && oneCase.problem, 'other' in oneCase && oneCase.other]
  const parameters = problems.flatMap((problem) => (problem === false ? [] : problem.parameters))
  const laidOut = oneCase.check === 'layout' ? oneCase.layout : []
  const vectors = 'suite' in oneCase ? golden[oneCase.suite]! : oneCase.check === 'goldenTied' ? tied : []
  const recorded = vectors.filter(({ name }) => 'name' in oneCase && name === oneCase.name)
  return [...parameters, ...laidOut, ...recorded.flatMap(({ params }) => params)].map(({ shape }) => shape)
}

/** Whether a case hands the target a function, or concerns what the core does before the target is asked. */
function needsSharedMemory(oneCase: Case): boolean {
  switch (oneCase.check) {
    case 'badOption':
    case 'badSchedule':
    case 'badTransformation':
    case 'memory':
      return true
    default:
      return handsOverFunctions(oneCase)
  }
}

/** Whether a case hands over functions: bases, embeddings, schedules or masks of one’s own. */
export function handsOverFunctions(oneCase: Case): boolean {
  switch (oneCase.check) {
    case 'customBase':
    case 'customFactored':
    case 'customIdentity':
    case 'customFunctions':
    case 'customNoise':
    case 'customSums':
    case 'ownSlopes':
    case 'unsaved':
    case 'ownData':
    case 'customEmbedding':
    case 'customSchedule':
    case 'customAverage':
    case 'customOperations':
    case 'customMatrices':
    case 'factorBelowZero':
    case 'badDefinition':
    case 'badFunction':
    case 'maskFunction':
      return true
    case 'refused':
      return oneCase.base === 'own'
    case 'support':
      return oneCase.capability.endsWith('/custom')
    default:
      return false
  }
}

/**
 * A plain optimiser is asked for the steps of what it declares. It need not refuse anything: it reads neither metric nor
 * options, and what it cannot do is not sent to it.
 */
function notAskedOfPlain({ dtypes, capabilities }: Manifest, oneCase: Case): string | undefined {
  const undeclared = (name: string): string => `the manifest does not declare ${name}`
  if (oneCase.check === 'support') {
    return capabilities.includes(oneCase.capability) ? undefined : undeclared(oneCase.capability)
  }
  const absent = dtypesOf(oneCase).find((dtype) => !dtypes.includes(dtype))
  if (absent !== undefined) return undeclared(absent)
  if (!asksForPlainSteps(oneCase)) return 'it is no question to a plain optimiser, which has no metric'
  const missing = oneCase.requires.find(
    (name) => name !== 'embedding/identity' && !capabilities.includes(name),
  )
  return missing && undeclared(missing)
}

/** Whether a case compares finite steps at ξ = 0. */
function asksForPlainSteps(oneCase: Case): boolean {
  switch (oneCase.check) {
    case 'trajectory':
      return oneCase.outcomes === undefined && isPlainProblem(oneCase.problem)
    case 'oneTransformation':
    case 'layout':
    case 'repeatable':
    case 'keepsGradient':
    case 'independent':
    case 'decayAlone':
    case 'resume':
    case 'reset':
      return isPlainProblem(oneCase.problem)
    case 'golden':
      return golden[oneCase.suite]!.some(
        ({ name, embedding }) => name === oneCase.name && embedding === 'none',
      )
    case 'plane': {
      const row = smallFunctionRows.find(
        (row) => row.function === oneCase.function && row.optimiser === oneCase.optimiser,
      )
      return isPlainTransformation(translateRow(row!))
    }
    default:
      return false
  }
}

function isPlainProblem({ transformation, inject }: Problem): boolean {
  return inject === undefined && isPlainTransformation(transformation)
}

/** Whether a transformation is its base alone: ξ = 0 everywhere, and nothing that reads the loss. */
function isPlainTransformation(transformation: PlainTransformation): boolean {
  const readsNoLoss = ({ embedding, startAxis }: PlainOptions): boolean =>
    (embedding === undefined || embedding.name === 'identity') && startAxis === undefined
  const groups = Object.values(transformation.groups ?? {})
  return (
    transformation.xi === 0 &&
    readsNoLoss(transformation) &&
    groups.every((group) => (group.xi ?? 0) === 0 && readsNoLoss(group))
  )
}
