// The result of a run on all mutants: on the screen, and as a table in docs/conformance.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../workspace.js'
import { partNames, partOf } from './list.js'

/** @typedef {import('./list.js').Entry} Entry */

/** The share of the mutants that must be killed, of those that can be. */
const required = 0.97

const page = join(root, 'docs/conformance.md')
const [begin, end] = ['<!-- mutants -->', '<!-- end of the mutants -->']

/** @param {readonly Entry[]} entries */
function count(entries) {
  const killed = entries.filter(({ killedBy }) => killedBy !== undefined).length
  const equivalent = entries.filter(
    ({ killedBy, equivalent }) => killedBy === undefined && equivalent !== undefined,
  ).length
  return { all: entries.length, killed, equivalent, living: entries.length - killed - equivalent }
}

/** @type {(killed: number, killable: number) => string} */
function percent(killed, killable) {
  return killable === 0 ? '' : `${((100 * killed) / killable).toFixed(1)} %`
}

/** @param {readonly Entry[]} list */
function rows(list) {
  return /** @type {const} */ ([
    ...partNames.map(
      (part) => /** @type {const} */ ([part, count(list.filter((entry) => partOf(entry) === part))]),
    ),
    ['all', count(list)],
  ])
}

/**
 * Prints the result of a run.
 *
 * @param {readonly Entry[]} list
 * @param {number} seconds
 * @returns {boolean} whether enough mutants are killed
 */
export function showResults(list, seconds) {
  for (const [part, { all, killed, equivalent, living }] of rows(list)) {
    const share = percent(killed, all - equivalent)
    console.log(
      `${part.padEnd(38)}${all} mutants, ${killed} killed, ${equivalent} equivalent, ${living} live: ${share}`,
    )
  }
  console.log(`${seconds.toFixed(0)} s`)
  const { all, killed, equivalent } = count(list)
  return killed >= required * (all - equivalent)
}

/**
 * Writes the table into the docs.
 *
 * @param {readonly Entry[]} list
 */
export function writeResults(list) {
  const text = readFileSync(page, 'utf8')
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)]
  if (start < 0 || stop < 0)
    throw new Error(`docs/conformance.md has no place for the table: ${begin} … ${end}`)
  const lines = rows(list).map(
    ([part, { all, killed, equivalent, living }]) =>
      `| ${part} | ${all} | ${killed} | ${equivalent} | ${living} | ${percent(killed, all - equivalent)} |`,
  )
  const table = [
    `\`npm run mutate\` of ${new Date().toISOString().slice(0, 10)}:`,
    '',
    '| part of the core | mutants | killed | equivalent | live | killed of those that can be |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
  writeFileSync(page, `${text.slice(0, start + begin.length)}\n${table}\n${text.slice(stop)}`)
}
