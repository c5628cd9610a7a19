import type { MessagePort } from 'node:worker_threads'
import { loadStudy } from '../study/loadStudy.js'
import { execute } from './execute.js'
import type { Job } from './job.js'
import { encode } from './outcome.js'

/** What a thread is asked. */
export interface ThreadTask {
  /** The URL of the study file. */
  readonly study: string
  /** As JSON, so that a run is given the same in a thread of this process and in one of another machine. */
  readonly job: string
  /** Is sent a message when the run begins. */
  readonly begun: MessagePort
}

/** Runs a job, and gives its outcome as a text. */
export async function runTask({ study, job, begun }: ThreadTask): Promise<string> {
  const loaded = await loadStudy(study)
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a port of a thread, not a window
  begun.postMessage('begun')
  begun.close()
  return encode(await execute(loaded, JSON.parse(job) as Job))
}
