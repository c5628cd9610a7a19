import { fileURLToPath } from 'node:url'

import { bases } from './bases.js'
import { workloads } from './workloads/index.js'
import type { Workload } from './workloads/workload.js'

/** A file of the example. */
export function pathOf(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}

/** The files of stored results are in this folder; a quick look has one of its own. */
export const cacheFolder = process.env['BENCHMARK_CACHE'] ?? pathOf('.cache')

/** The workloads of this call: all, or those that the environment names for a quick look. */
export function chosenWorkloads(): readonly Workload[] {
  return chosen('BENCHMARK_WORKLOADS', workloads, ({ id }) => id)
}

/** The bases of this call: all, or those that the environment names for a quick look. */
export function chosenBases(): readonly string[] {
  return chosen('BENCHMARK_BASES', Object.keys(bases), (name) => name)
}

/** The number of seeds: as many as the environment says, so that a study may begin with few and be continued with more. */
export function seedsOf(standard: number): number {
  const given = process.env['BENCHMARK_SEEDS']
  if (given === undefined || given === '') return standard
  const value = Number(given)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`BENCHMARK_SEEDS must be a whole number from 1 on, given ${JSON.stringify(given)}.`)
  return value
}

/** @throws Error for a workload that does not exist */
export function workloadOf(id: string): Workload {
  const found = workloads.find((workload) => workload.id === id)
  if (found === undefined)
    throw new Error(
      `There is no workload ${JSON.stringify(id)}; there are ${workloads.map((one) => one.id).join(', ')}.`,
    )
  return found
}

function chosen<T>(variable: string, all: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const given = process.env[variable]
  if (given === undefined || given === '') return all
  const names = given.split(',')
  const unknown = names.find((name) => !all.some((one) => nameOf(one) === name))
  if (unknown !== undefined)
    throw new Error(`${variable} names ${JSON.stringify(unknown)}; there are ${all.map(nameOf).join(', ')}.`)
  return all.filter((one) => names.includes(nameOf(one)))
}
