import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Run } from './run.js'

/** The folder of the runs that the report shows. */
export const committedResults = fileURLToPath(new URL('../results', import.meta.url))

/** The key of a run, unique in a store. */
export function keyOf({
  task,
  optimizer,
  rate,
  seed,
  steps,
}: Omit<Run, 'loss' | 'curve' | 'seconds'>): string {
  return [task, optimizer, rate, seed, steps].join(' ')
}

/**
 * The runs in a folder, with one file for each task.
 *
 * @throws Error for a file that is not a list of runs
 */
export function readResults(folder: string): Run[] {
  return filesIn(folder).flatMap((file) => readFile(join(folder, file)))
}

/** Adds a run to the file of its task, and replaces the one with the same key. A reader sees either the old file or the new one. */
export function storeRun(folder: string, run: Run): void {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${run.task}.json`)
  const kept = filesIn(folder).includes(`${run.task}.json`) ? readFile(path) : []
  const runs = [...kept.filter((other) => keyOf(other) !== keyOf(run)), run].sort(byPlace)
  const temporary = `${path}.part`
  writeFileSync(temporary, `[\n${runs.map((run) => JSON.stringify(run)).join(',\n')}\n]\n`)
  renameSync(temporary, path)
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.json'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function readFile(path: string): Run[] {
  const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (!Array.isArray(content)) throw new Error(`${path} is not a list of runs.`)
  return content as Run[]
}

function byPlace(one: Run, other: Run): number {
  if (one.optimizer !== other.optimizer) return one.optimizer < other.optimizer ? -1 : 1
  return one.rate - other.rate || one.seed - other.seed || one.steps - other.steps
}
