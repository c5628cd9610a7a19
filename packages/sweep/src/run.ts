import { requireInteger, requireKnown, requirePositive } from './errors.js'
import type { StudyResults } from './results/read.js'
import type { RunStudyOptions, RunWorkerOptions } from './runOptions.js'
import { loadStudy } from './study/loadStudy.js'

// What runs studies is loaded on demand: study files import this package in every thread.

/**
 * Runs a study, or what is left of it: every configuration with every seed, once. Results are stored as they come, so that
 * the process may be killed at any time, and goes on when it is called again.
 *
 * @param file - the study file
 * @returns the results so far, also if it was stopped
 * @throws ERR_OPTION if the study or an option is wrong; ERR_CHECKPOINT if the file holds another study of this name;
 *   ERR_NOT_SUPPORTED if another process writes to the file, or if Redis cannot be used
 */
export async function runStudy(file: string | URL, options: RunStudyOptions = {}): Promise<StudyResults> {
  requireKnown('runStudy', options, ['results', 'redis', 'threads', 'retry', 'signal', 'onEvent'])
  if (options.threads !== undefined) requireInteger('threads', options.threads, 1)
  const [study, { sweep }] = await Promise.all([loadStudy(file), import('./coordination/sweep.js')])
  return sweep(study, options)
}

/**
 * Works for a study that a coordinator runs over Redis, until it is told to stop.
 *
 * @param file - the study file, with the same content as the coordinator's
 * @throws ERR_OPTION if the study or an option is wrong; ERR_NOT_SUPPORTED if Redis cannot be used
 */
export async function runWorker(file: string | URL, options: RunWorkerOptions): Promise<void> {
  requireKnown('runWorker', options, ['redis', 'threads', 'lockSeconds', 'signal', 'onNotice'])
  const { threads, lockSeconds } = options
  if (threads !== undefined) requireInteger('threads', threads, 1)
  if (lockSeconds !== undefined) requirePositive('lockSeconds', lockSeconds)
  const [study, { work }] = await Promise.all([loadStudy(file), import('./pools/redisWorker.js')])
  return work(study, options)
}
