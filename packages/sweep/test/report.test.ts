import Database from 'libsql'
import { parseHTML } from 'linkedom'
import { beforeAll, describe, expect, it } from 'vitest'
import { choice, defineStudy, grid, integer, logUniform, quasiRandom, uniform, when } from '../src/index.js'
import { compareBy, htmlReport, openResults } from '../src/results.js'
import { divide } from '../src/report/bins.js'
import { metricScale, ticks } from '../src/report/svg.js'
import { formatDuration, formatNumber } from '../src/report/text.js'
import { definitionOf } from '../src/results/definition.js'
import { openStore } from '../src/results/store.js'
import type { Space } from '../src/space/space.js'
import type { Study } from '../src/study/study.js'
import { complete, runHere, temporary } from './support/runHere.js'

const study = defineStudy({
  space: {
    optimizer: choice(['adam', 'sgd <b>"&']),
    learningRate: logUniform(1e-3, 1),
    xi: logUniform(1e-2, 1),
    layers: integer(1, 3),
    momentum: when({ optimizer: 'sgd <b>"&' }, uniform(0, 1)),
  },
  metric: 'loss',
  budget: { trials: 60 },
  seeds: 2,
  sampler: quasiRandom(),
  run: ({ hyperparameters: { learningRate, optimizer, layers }, seed, report }) => {
    if (learningRate > 0.8) throw new Error('<script>alert(1)</script> & more')
    for (let step = 1; step <= 4; step++)
      report({
        loss:
          Math.log10(learningRate * 20) ** 2 +
          layers / 10 +
          (optimizer === 'adam' ? 0 : 0.1) +
          seed / 100 +
          1 / step,
      })
  },
})

/** A page of the results of a study, and what a browser makes of it. */
async function pageOf<S extends Space>(given: Study<S>, options = {}) {
  const path = temporary()
  const store = openStore(path)
  await runHere(given, { store })
  store.close()
  const file = openResults(path)
  const text = htmlReport(file, options)
  const results = file.read()
  file.close()
  return { text, results, document: parseHTML(text).document }
}

describe('the report', () => {
  let page: Awaited<ReturnType<typeof pageOf>>
  beforeAll(async () => {
    page = await pageOf(study)
  })

  it('has its sections, with what they are about', () => {
    const { document, results } = page
    expect([...document.querySelectorAll('h2')].map(({ id }) => id)).toEqual([
      'best',
      'comparison',
      'robustness',
      'heat',
      'parameters',
      'curves',
      'failures',
    ])
    const cells = [...document.querySelectorAll('section:first-of-type tbody tr:first-child td')].map(
      ({ textContent }) => textContent,
    )
    const { best } = results
    expect(cells[0]).toBe(String(best!.configuration))
    expect(cells[1]).toBe(`${formatNumber(best!.mean)} ± ${formatNumber(best!.deviation)}`)
    expect(document.querySelectorAll('section:first-of-type tbody tr')).toHaveLength(20)
    // A chart per hyperparameter, two heat maps, one over rates, one of curves; each described for those who cannot see it.
    const charts = [...document.querySelectorAll('svg[role=img]')]
    expect(charts).toHaveLength(5 + 2 + 1 + 1)
    for (const chart of charts) {
      for (const id of chart.getAttribute('aria-labelledby')!.split(' '))
        expect(document.querySelectorAll(`[id="${id}"]`)).toHaveLength(1)
    }
    expect(document.querySelectorAll('#robustness ~ figure .path')).toHaveLength(2)
    const failed = results.trials.flatMap(({ runs }) => runs).filter(({ status }) => status === 'failed')
    expect(document.querySelectorAll('details')).toHaveLength(failed.length)
    expect(failed.length).toBeGreaterThan(0)
    expect(document.querySelector('details pre')!.textContent).toContain('<script>alert(1)</script> & more')
  })

  it('compares the best of each optimiser, seed by seed', () => {
    const { document, results } = page
    const rows = [...document.querySelectorAll('section:nth-of-type(2) tbody tr')]
    const expected = compareBy(results, 'optimizer').map(({ value, best }) => [
      value,
      String(best.configuration),
    ])
    expect(rows.map((row) => [0, 2].map((place) => row.children[place]!.textContent))).toEqual(expected)
  })

  it('needs nothing from elsewhere, and runs nothing', () => {
    const { text, document } = page
    expect(document.querySelectorAll('script, link, img, iframe, object, [onclick], [onload]')).toHaveLength(
      0,
    )
    // Names and messages are texts, whatever they look like.
    expect(document.querySelectorAll('b')).toHaveLength(0)
    expect(text).not.toMatch(/(?:src|href)="(?!#)|url\(|@import/)
  })

  it('goes without what a study does not have', async () => {
    const bare: Study = {
      space: { x: uniform(0, 1) },
      metric: { name: 'score', goal: 'maximize' },
      budget: { trials: 5 },
      run: () => 1,
    }
    const { document } = await pageOf(bare)
    expect([...document.querySelectorAll('h2')].map(({ id }) => id)).toEqual(['best', 'parameters'])
    const { document: none } = await pageOf({ ...bare, run: () => NaN })
    expect([...none.querySelectorAll('h2')].map(({ id }) => id)).toEqual(['best', 'failures'])
  })

  it('takes other hyperparameters for those of its charts, by name', async () => {
    const other: Study = {
      space: { speed: choice([0.1, 1, 10]), weight: choice([1, 2]), kind: choice(['a', 'b']) },
      metric: 'loss',
      sampler: grid(),
      run: ({ hyperparameters: { speed } }) => Number(speed),
    }
    const { document } = await pageOf(other, { rate: 'speed', xi: 'weight', series: 'kind' })
    expect(document.querySelector('#heat')!.textContent).toBe('speed and weight')
    await expect(pageOf(other, { rate: 'spede' })).rejects.toThrow('no "spede"')
    await expect(pageOf(other, { title: 'x' })).rejects.toThrow('no "title"')
  })
})

it('reports 10,000 runs in under two seconds', () => {
  const path = temporary()
  const store = openStore(path)
  const large = complete({ ...study, budget: { trials: 5000 } })
  store.declare('large', definitionOf(large))
  store.close()
  const db = new Database(path)
  db.exec('begin')
  const configuration = db.prepare('insert into configurations values (?, ?, ?)')
  const run = db.prepare(`insert into runs values ('large', ?, ?, ?, ?, ?, null, 1, 1, 'now')`)
  for (let index = 0; index < 5000; index++) {
    const values = large.sampler.propose({ space: large.space, index, seed: 0, tried: [] })
    configuration.run('large', index, JSON.stringify(values))
    const loss = Math.abs(Math.log10(Number(values['learningRate'])))
    for (const seed of [1, 2]) run.run(index, seed, 'finished', loss, JSON.stringify({ loss }))
  }
  db.exec('commit')
  db.close()
  const begin = process.cpuUsage()
  const file = openResults(path)
  const text = htmlReport(file)
  file.close()
  // Of the processor, which does not depend on what else the machine does.
  const { user, system } = process.cpuUsage(begin)
  const seconds = (user + system) / 1e6
  process.stdout.write(
    `a report of 10,000 runs: ${seconds.toFixed(2)} s, ${Math.round(text.length / 1000)} kB\n`,
  )
  expect(text).toContain('10000 of 10000')
  expect(seconds).toBeLessThan(2)
  expect(text.length).toBeLessThan(600_000)
})

describe('axes', () => {
  it('have a few round ticks within their ends', () => {
    for (const scale of [
      { type: 'log', domain: [1e-7, 1e3] },
      { type: 'log', domain: [0.9, 40] },
      { type: 'log', domain: [0.95, 1.06] },
      { type: 'linear', domain: [-0.3, 17] },
      { type: 'linear', domain: [0.1203, 0.1204] },
    ] as const) {
      const found = ticks(scale)
      expect(found.length).toBeGreaterThanOrEqual(2)
      expect(found.length).toBeLessThanOrEqual(12)
      for (const tick of found) {
        expect(tick).toBeGreaterThanOrEqual(scale.domain[0])
        expect(tick).toBeLessThanOrEqual(scale.domain[1])
      }
    }
  })

  it('leave out a few runs that went far astray', () => {
    const values = [...Array.from({ length: 99 }, (_, i) => 1 + i / 100), 1e9]
    expect(metricScale(values, 'minimize').domain[1]).toBeLessThan(3)
    expect(metricScale([1e-7, 1e-5, 1e-3, 0.1, 1, 1, 2, 1e60], 'minimize').domain[1]).toBeLessThan(1e8)
    expect(metricScale(values.map((value) => -value).reverse(), 'maximize').domain[0]).toBeGreaterThan(-4)
    expect(metricScale([], 'minimize').domain).toEqual([0, 1])
    expect(metricScale([2, 2], 'maximize').domain[0]).toBeLessThan(2)
  })

  it('have a bin for each value of a grid, and parts of equal width otherwise', () => {
    const few = divide([1, 10, 100, 1, 10, 100], true)
    expect(few.bins.map(({ centre }) => centre)).toEqual([1, 10, 100])
    expect([1, 10, 100].map(few.of)).toEqual([0, 1, 2])
    const many = Array.from({ length: 300 }, (_, i) => 10 ** (-4 + (4 * i) / 299))
    const { bins, of } = divide(many, true, 1 / 3)
    expect(bins).toHaveLength(10)
    for (const value of many) {
      const { low, high } = bins[of(value)]!
      expect(value).toBeGreaterThanOrEqual(low * (1 - 1e-9))
      expect(value).toBeLessThanOrEqual(high * (1 + 1e-9))
    }
    expect(divide([3], false).of(3)).toBe(0)
  })
})

it.each([
  [0.12345, '0.1235'],
  [-2, '−2'],
  [1.5e-7, '1.5e−7'],
  [1e21, '1e21'],
  [NaN, '–'],
  [-Infinity, '−∞'],
])('numbers are short: %f', (value, text) => {
  expect(formatNumber(value)).toBe(text)
})

it.each([
  [0.0012, '1.2 ms'],
  [3.21, '3.2 s'],
  [59.7, '1 min 0 s'],
  [3725, '1 h 2 min'],
])('durations have their two largest units: %f', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text)
})
