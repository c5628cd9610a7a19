import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { selectCases, type ConformanceReport } from '../../src/index.js'

const given = process.env['CONFORMANCE_REPORTS']
/** The folder for reports of the whole suite, if CONFORMANCE_REPORTS names one. */
export const reports = given === '' ? undefined : given

/** How many parts a run of the whole suite has. */
const parts = 40

/**
 * Runs the whole suite in parts, and writes the report of the whole. A GPU in software takes long for it, so each part is kept
 * until all are there: a run that breaks off goes on with the first that is missing.
 *
 * @param folder where `<name>.json` is written
 * @param run asks the cases of these ids
 */
export async function wholeReport(
  folder: string,
  name: string,
  run: (ids: readonly string[]) => Promise<ConformanceReport>,
): Promise<ConformanceReport> {
  const kept = join(folder, `${name}-parts`)
  await mkdir(kept, { recursive: true })
  const found: ConformanceReport[] = []
  for (let part = 1; part <= parts; part++) {
    const file = join(kept, `${part}.json`)
    const text = await readFile(file, 'utf8').catch(() => undefined)
    const ids = selectCases(undefined, false, `${part}/${parts}`).map(({ id }) => id)
    const report = text === undefined ? await run(ids) : (JSON.parse(text) as ConformanceReport)
    if (text === undefined) await writeFile(file, JSON.stringify(report))
    found.push(report)
  }
  const whole = joined(found)
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(whole, null, 2)}\n`)
  await rm(kept, { recursive: true })
  return whole
}

/** The report of the whole suite, from those of its parts, in the order of its cases. */
function joined(found: readonly ConformanceReport[]): ConformanceReport {
  const { filter: _, totals, ...facts } = found[0]!
  const results = new Map(found.flatMap(({ cases }) => cases.map((result) => [result.id, result] as const)))
  const cases = selectCases().map(({ id }) => {
    const result = results.get(id)
    if (result === undefined)
      throw new Error(`no part has the case ${id}: remove the parts, and run it again`)
    return result
  })
  const sums = { ...totals }
  for (const status of Object.keys(sums) as (keyof typeof sums)[])
    sums[status] = cases.filter((result) => result.status === status).length
  return { ...facts, totals: sums, cases }
}
