import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InducedMetricError } from '@induced-metric/core'
import Database from 'libsql'
import { coded, messageOf } from '../errors.js'
import {
  decodeMetrics,
  decodeReports,
  encode,
  type RunOutcome,
  type RunReport,
  type RunStatus,
} from '../runs/outcome.js'
import type { Hyperparameters } from '../space/space.js'
import type { StudyDefinition } from './definition.js'
import { schema, schemaVersion } from './schema.js'

/** A run that has ended, without its reports. */
export interface StoredRun {
  readonly configuration: number
  readonly seed: number
  readonly status: RunStatus
  readonly value: number | null
  readonly metrics: Readonly<Record<string, number>>
  readonly error: string | null
  /** Seconds that it took. */
  readonly seconds: number
  /** How many reports it gave. */
  readonly steps: number
  /** When its result was stored, in ISO 8601. */
  readonly ended: string
}

/** A file of results. Reading is safe while another process writes. */
export interface Store {
  readonly file: string
  readonly names: () => string[]
  readonly definition: (
    study: string,
  ) => { readonly id: string; readonly definition: StudyDefinition } | undefined
  readonly declare: (study: string, definition: StudyDefinition) => void
  readonly configurations: (study: string) => Map<number, Hyperparameters>
  readonly addConfiguration: (study: string, configuration: number, values: Hyperparameters) => void
  readonly runs: (study: string) => StoredRun[]
  readonly reports: (study: string, configuration: number, seed: number) => RunReport[]
  /** Stores a run. @returns false if it was there already: the first result stays */
  readonly addRun: (study: string, configuration: number, seed: number, outcome: RunOutcome) => boolean
  /** Removes the runs that ended in one of these ways, with their reports. */
  readonly removeRuns: (study: string, statuses: readonly RunStatus[]) => void
  readonly close: () => void
}

type Row = Readonly<Record<string, string | number | null>>

/**
 * Opens a file of results.
 *
 * @throws ERR_CHECKPOINT if it is no such file, is damaged, or comes from a later version
 */
export function openStore(file: string, { readonly = false } = {}): Store {
  let db: Database.Database
  try {
    db = open(file, readonly)
  } catch (error) {
    if (error instanceof InducedMetricError) throw error
    throw coded('ERR_CHECKPOINT', `${file} cannot be opened: ${messageOf(error)}`, error)
  }
  const all = (sql: string, ...values: unknown[]): Row[] => db.prepare(sql).all(...values) as Row[]
  const one = (sql: string, ...values: unknown[]): Row | undefined => all(sql, ...values)[0]
  const change = (sql: string, ...values: unknown[]): number => db.prepare(sql).run(...values).changes
  return {
    file,
    names: () => all('select study from studies order by created, study').map(({ study }) => String(study)),
    definition(study) {
      const row = one('select id, definition from studies where study = ?', study)
      return (
        row && { id: String(row['id']), definition: JSON.parse(String(row['definition'])) as StudyDefinition }
      )
    },
    declare: (study, definition) =>
      void change(
        `insert into studies values (?, ?, ?, ?) on conflict do update set definition = excluded.definition`,
        study,
        randomUUID(),
        JSON.stringify(definition),
        new Date().toISOString(),
      ),
    configurations: (study) =>
      new Map(
        all('select * from configurations where study = ? order by configuration', study).map((row) => [
          Number(row['configuration']),
          JSON.parse(String(row['hyperparameters'])) as Hyperparameters,
        ]),
      ),
    addConfiguration: (study, configuration, values) =>
      void change(
        'insert into configurations values (?, ?, ?)',
        study,
        configuration,
        JSON.stringify(values),
      ),
    runs: (study) => all('select * from runs where study = ? order by configuration, seed', study).map(toRun),
    reports(study, configuration, seed) {
      const where = 'study = ? and configuration = ? and seed = ?'
      const row = one(`select reports from reports where ${where}`, study, configuration, seed)
      return row === undefined ? [] : decodeReports(String(row['reports']))
    },
    addRun: (study, configuration, seed, outcome) => insertRun(db, [study, configuration, seed], outcome),
    removeRuns: (study, statuses) =>
      transact(db, () => {
        const which = 'select configuration, seed from runs where study = ? and status = ?'
        for (const status of statuses) {
          const where = `study = ? and (configuration, seed) in (${which})`
          change(`delete from reports where ${where}`, study, study, status)
          change('delete from runs where study = ? and status = ?', study, status)
        }
      }),
    close: () => void db.close(),
  }
}

function open(file: string, readonly: boolean): Database.Database {
  // The driver would create it.
  if (readonly && !existsSync(file)) throw coded('ERR_CHECKPOINT', `there is no file ${file}`)
  const { db, version } = connect(file, readonly)
  if (version > schemaVersion)
    throw coded('ERR_CHECKPOINT', `${file} comes from a later version of this package`)
  if (readonly) {
    if (version === 0) throw coded('ERR_CHECKPOINT', `${file} has no results of studies`)
    return db
  }
  // Everything that has been committed survives a crash, of the machine as well.
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(schema)
  db.pragma(`user_version = ${schemaVersion}`)
  return db
}

/** Opens a database and reads the version of its schema. */
function connect(
  file: string,
  readonly: boolean,
): { readonly db: Database.Database; readonly version: number } {
  const versionOf = (db: Database.Database): number =>
    (db.pragma('user_version') as [{ user_version: number }])[0].user_version
  const db = new Database(file, { readonly })
  try {
    return { db, version: versionOf(db) }
  } catch (error) {
    db.close()
    // Readers, too, write files beside a database, unless it is declared not to change. Where one is being written, there is a log.
    if (!readonly || existsSync(`${file}-wal`)) throw error
    const fixed = new Database(`${pathToFileURL(resolve(file)).href}?immutable=1`, { readonly })
    return { db: fixed, version: versionOf(fixed) }
  }
}

function toRun(row: Row): StoredRun {
  const text = (name: string): string => String(row[name])
  return {
    configuration: Number(row['configuration']),
    seed: Number(row['seed']),
    status: text('status') as RunStatus,
    value: row['value'] === null ? null : Number(row['value']),
    metrics: decodeMetrics(text('metrics')),
    error: row['error'] === null ? null : text('error'),
    seconds: Number(row['seconds']),
    steps: Number(row['steps']),
    ended: text('ended'),
  }
}

function insertRun(
  db: Database.Database,
  key: readonly [study: string, configuration: number, seed: number],
  { status, value, metrics, error, seconds, reports }: RunOutcome,
): boolean {
  return transact(db, () => {
    const rest = [status, value, encode(metrics), error, seconds, reports.length, new Date().toISOString()]
    const { changes } = db
      .prepare('insert into runs values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing')
      .run(...key, ...rest)
    if (changes > 0 && reports.length > 0)
      db.prepare('insert into reports values (?, ?, ?, ?)').run(...key, encode(reports))
    return changes > 0
  })
}

/** Makes some changes, or none of them. */
function transact<T>(db: Database.Database, change: () => T): T {
  db.exec('begin immediate')
  try {
    const result = change()
    db.exec('commit')
    return result
  } catch (error) {
    db.exec('rollback')
    throw error
  }
}
