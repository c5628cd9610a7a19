import { dtypesOf, type Case } from '../case.js'
import { ConformanceFailure, expectBits, expectError, fail } from '../compare.js'
import { lossOption, readCopies, type Context } from '../context.js'
import { isPlain, type Dtype, type Feature, type Manifest } from '../manifest.js'
import { problemParameters, problemStep, type Problem } from '../problem.js'
import type { Session } from '../target.js'
import { customEmbeddingTransformation, customTransformation } from './custom.js'

/** A declared feature works; an undeclared one is refused with ERR_NOT_SUPPORTED. */
export async function support(context: Context, capability: Feature, problem: Problem): Promise<void> {
  if (!context.declares(capability)) return refuses(context, capability, problem)
  try {
    await attempt(context, capability, problem)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_NOT_SUPPORTED') {
      fail(`the manifest declares ${capability}, but it is refused: ${(error as Error).message}`)
    }
    throw error
  }
}

/** An undeclared feature is refused at create() or at the first use, and the refusal changes nothing. */
export async function refuses(context: Context, capability: Feature, problem: Problem): Promise<void> {
  try {
    await expectError(
      `the manifest does not declare ${capability}`,
      'ERR_NOT_SUPPORTED',
      () => attempt(context, capability, problem),
      context.target.core.InducedMetricError,
    )
  } catch (error) {
    if (error instanceof ConformanceFailure) {
      fail(`${error.message}. An undeclared capability must be refused, never ignored; or declare it.`)
    }
    throw error
  }
}

/** A float type that isn't declared is refused. */
export async function refusesDtype(context: Context, problem: Problem): Promise<void> {
  await expectError(
    `the manifest does not declare ${context.dtype}`,
    'ERR_NOT_SUPPORTED',
    () => context.create(problem.transformation, problemParameters(problem, context.dtype)),
    context.target.core.InducedMetricError,
  )
}

async function attempt(context: Context, capability: Feature, problem: Problem): Promise<void> {
  const { core } = context.target
  const transformation =
    capability === 'base/custom'
      ? customTransformation(core)
      : capability === 'embedding/custom'
        ? customEmbeddingTransformation(core)
        : problem.transformation
  const session = await context.create(transformation, problemParameters(problem, context.dtype))
  for (let step = 1; step <= problem.steps; step++) {
    const { gradients, loss } = problemStep(problem, step, context.dtype)
    const before = await readCopies(session)
    try {
      await session.step(gradients, lossOption(loss))
    } catch (error) {
      await unchanged(session, before)
      throw error
    }
  }
  if (capability === 'checkpoint') await checkpoint(context, session)
  if (capability === 'reset') {
    if (session.reset === undefined) throw notSupported(context, 'the session has no reset()')
    await session.reset()
  }
}

async function unchanged(session: Session, before: readonly ArrayBufferView[]): Promise<void> {
  const after = await readCopies(session)
  before.forEach((data, i) => expectBits(`parameter ${i}, where the step was refused,`, after[i]!, data))
}

async function checkpoint(context: Context, session: Session): Promise<void> {
  if (session.save === undefined || session.load === undefined) {
    throw notSupported(context, 'the session has no save() and load()')
  }
  const bytes = await session.save()
  await session.load(bytes)
}

function notSupported({ target }: Context, message: string): Error {
  return new target.core.InducedMetricError('ERR_NOT_SUPPORTED', message)
}

/**
 * The first feature, or else the float type, that a case needs and a manifest lacks, so that the target must refuse it. A
 * plain optimiser is not sent what it lacks.
 */
export function undeclaredIn(manifest: Manifest, oneCase: Case): Feature | Dtype | undefined {
  if (oneCase.check === 'badOption' || oneCase.check === 'support' || isPlain(manifest)) return undefined
  const dtype = dtypesOf(oneCase).find((name) => !manifest.dtypes.includes(name))
  if (dtype !== undefined) return dtype
  return oneCase.requires.find((capability) => !manifest.capabilities.includes(capability))
}
