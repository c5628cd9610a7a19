import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { describe, expect, it, onTestFinished } from 'vitest'
import { random, uniform } from '../src/index.js'
import { openResults } from '../src/results.js'
import { lockStore } from '../src/results/lock.js'
import { openStore } from '../src/results/store.js'
import type { RunOutcome } from '../src/runs/outcome.js'
import { here } from './build.js'
import { runHere, temporary } from './support/runHere.js'

const values = [0.1 + 0.2, -0, 5e-324, 1.7976931348623157e308, NaN, Infinity, -Infinity]
const metrics = Object.fromEntries(values.map((value, index) => [`m${index}`, value]))
const outcome: RunOutcome = {
  status: 'finished',
  value: 0.1 + 0.2,
  metrics,
  reports: [{ step: 3, metrics }],
  error: 'it said "no"\n',
  seconds: 1.25,
}

function declared() {
  const store = openStore(temporary())
  store.declare('one', { space: {} } as never)
  store.addConfiguration('one', 0, { x: [1, { y: null }] })
  return store
}

describe('the file of results', () => {
  it('gives back what was stored, bit for bit', () => {
    const store = declared()
    expect(store.addRun('one', 0, 7, outcome)).toBe(true)
    const [run] = store.runs('one')
    expect(run).toStrictEqual({
      configuration: 0,
      seed: 7,
      status: 'finished',
      value: 0.1 + 0.2,
      metrics,
      error: outcome.error,
      seconds: 1.25,
      steps: 1,
      ended: expect.stringMatching(/^\d{4}-.*Z$/),
    })
    expect(store.reports('one', 0, 7)).toStrictEqual(outcome.reports)
    expect(store.configurations('one')).toEqual(new Map([[0, { x: [1, { y: null }] }]]))
    store.close()
  })

  it('keeps the first result of a run, whatever comes after it', () => {
    const store = declared()
    store.addRun('one', 0, 7, outcome)
    expect(store.addRun('one', 0, 7, { ...outcome, value: 9, reports: [] })).toBe(false)
    expect(store.runs('one').map(({ value }) => value)).toEqual([outcome.value])
    expect(store.reports('one', 0, 7)).toHaveLength(1)
    store.close()
  })

  it('holds several studies apart, and is read while another connection writes', async () => {
    const store = openStore(temporary())
    const study = {
      space: { x: uniform(0, 1) },
      metric: 'loss',
      sampler: random(),
      budget: { trials: 3 },
      run: () => 1,
    }
    await runHere({ ...study, name: 'first' }, { store })
    const file = openResults(store.file)
    await runHere({ ...study, name: 'second', run: () => 2 }, { store })
    expect(file.read('first').trials.map(({ mean }) => mean)).toEqual([1, 1, 1])
    expect(file.read('second').trials.map(({ mean }) => mean)).toEqual([2, 2, 2])
    expect(() => file.read('third')).toThrow('"first", "second"')
    file.close()
    expect(openResults(store.file).studies).toEqual(['first', 'second'])
    expect(() => openResults(store.file).read()).toThrow('2 studies')
    store.close()
  })

  // Root may write anywhere.
  it.skipIf(process.getuid?.() === 0)('is read where nothing can be written', async () => {
    const closed = temporary('closed')
    mkdirSync(closed)
    const written = temporary()
    const store = openStore(written)
    await runHere(
      { space: { x: uniform(0, 1) }, metric: 'loss', budget: { trials: 3 }, run: () => 1 },
      { store },
    )
    store.close()
    // A copy of all of it, as a process that has ended leaves it.
    new Database(written).pragma('wal_checkpoint(TRUNCATE)')
    const file = join(closed, 'results.sqlite')
    copyFileSync(written, file)
    chmodSync(file, 0o444)
    chmodSync(closed, 0o555)
    onTestFinished(() => chmodSync(closed, 0o755))
    const opened = openResults(file)
    expect(opened.read().trials).toHaveLength(3)
    opened.close()
  })

  it('is refused where it is none', () => {
    const path = temporary('text.sqlite')
    expect(() => openResults(path)).toThrow(
      expect.objectContaining({ code: 'ERR_CHECKPOINT', message: expect.stringContaining('no file') }),
    )
    writeFileSync(
      path,
      'this is no database, but a text that is long enough to be looked at as one. '.repeat(20),
    )
    expect(() => openResults(path)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT' }))
    expect(() => openStore(path)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT' }))
  })
})

describe('the lock', () => {
  it('lets one process at a time write, and ends with it', () => {
    const path = temporary()
    const take = (then: string) =>
      spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          `import Database from 'libsql'
           const lock = new Database(process.argv[1], { timeout: 0 })
           try { lock.exec('begin immediate'); console.log('taken') } catch { console.log('refused') }
           ${then}`,
          `${path}-lock`,
        ],
        { cwd: join(here), encoding: 'utf8' },
      ).stdout.trim()
    const release = lockStore(path)
    expect(() => lockStore(path)).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_SUPPORTED', message: expect.stringContaining('in use') }),
    )
    expect(take('')).toBe('refused')
    release()
    expect(take(`process.kill(process.pid, 'SIGKILL')`)).toBe('taken')
    lockStore(path)()
  })
})
