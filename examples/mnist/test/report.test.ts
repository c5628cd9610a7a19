import { descendAll } from '@induced-metric/example-functions'
import { parseHTML } from 'linkedom'
import { describe, expect, test } from 'vitest'

import { renderReport, type Results } from '../src/report/report.js'
import { settings } from '../src/settings.js'
import { fakeRuns } from './fakes.js'

const inCurves = settings.filter(({ rate }) => !rate)

const results: Results = {
  runs: fakeRuns(),
  descents: descendAll(),
  facts: [['Seed', '0']],
  stepsPerEpoch: 8,
  stopped: false,
}
const html = renderReport(results)
const { document } = parseHTML(html)
const charts = [...document.querySelectorAll('svg.chart')]
const texts = (selector: string): string[] =>
  [...document.querySelectorAll(selector)].map((element) => element.textContent)

describe('a report', () => {
  test('loads nothing from the network', () => {
    expect(/https?:|\bsrc=|<link|@import|<script|url\((?!#)/.exec(html)).toBeNull()
  })

  test('shows a chart of learning rates, four of training and two of each function', () => {
    expect(charts.map((chart) => chart.querySelector('title')?.textContent)).toEqual([
      'Accuracy by learning rate: adam in Fake framework',
      'Accuracy by epoch',
      'Loss by epoch',
      'Factor ρ by step',
      'Dual norm s by step',
      ...['Beale', 'Rosenbrock', 'Himmelblau', 'Ackley', 'Rastrigin'].flatMap((name) => [
        `${name}: paths`,
        `${name}: value by step`,
      ]),
    ])
  })

  test('describes every chart to readers who cannot see it', () => {
    for (const chart of charts) {
      const ids = chart.getAttribute('aria-labelledby')!.split(' ')
      expect(ids.map((id) => document.getElementById(id)?.parentElement === chart)).toEqual([true, true])
      expect(chart.querySelector('desc')!.textContent.length).toBeGreaterThan(40)
    }
    const all = [...document.querySelectorAll('[id]')].map((element) => element.id)
    expect(new Set(all).size).toBe(all.length)
  })

  test('draws every optimiser where it has something to show', () => {
    const series = (place: number, id: string): number =>
      charts[place]!.querySelectorAll(`.s-${id} path, path.s-${id}`).length
    for (const id of ['plain', 'root']) expect(series(0, id), `rates of ${id}`).toBeGreaterThan(0)
    for (const { id, stock } of inCurves) {
      expect(series(1, id), `accuracy of ${id}`).toBeGreaterThan(0)
      expect(series(2, id), `loss of ${id}`).toBeGreaterThan(0)
      expect(series(3, id) > 0, `factor of ${id}`).toBe(stock === undefined)
      expect(series(4, id) > 0, `dual norm of ${id}`).toBe(stock === undefined)
    }
    for (const place of [5, 7, 9, 11, 13])
      for (const id of ['identity', 'log', 'rms', 'adam', 'sgd', 'muon'])
        expect(series(place, id), `path of ${id} in chart ${place}`).toBeGreaterThan(0)
  })

  test('draws no point that is not a number', () => {
    const bad = charts.filter((chart) => /NaN|Infinity|undefined/.test(chart.outerHTML))
    expect(bad.map((chart) => chart.querySelector('title')?.textContent)).toEqual([])
  })

  test('shows the thirty runs and the published ones', () => {
    const marks = texts('#iterations .mark')
    expect(marks).toHaveLength(30)
    expect(marks.filter((mark) => mark === '✗ differs')).toEqual([])
    const reasons = texts('#iterations .reason').filter((text) => text !== '')
    expect(reasons).toHaveLength(8)
    const cells = [...document.querySelectorAll('#iterations tbody tr')].map((row) =>
      row.textContent.replace(/\s+/g, ' '),
    )
    expect(cells[1]).toMatch(/log ?55 ?55 ?8\.88e-08 ?8\.88e-08/)
  })

  test('shows the accuracies and the paper’s', () => {
    const table = document.querySelector('#results table')!
    expect([...table.querySelectorAll('thead th')].map((cell) => cell.textContent)).toEqual([
      'Optimiser',
      'epoch 1',
      'paper',
      'epoch 2',
      'paper',
      'epoch 3',
      'paper',
      'best of 200 (paper)',
      'loss',
      'ρ',
      'seconds',
    ])
    const identity = [...table.querySelectorAll('tbody tr')][4]!
    expect([...identity.children].map((cell) => cell.textContent)).toEqual([
      'Induced, identity',
      '.5500',
      '.9068',
      '.7000',
      '.9310',
      '.7750',
      '—',
      '.9817',
      '0.1049',
      '0.9500',
      '1.5',
    ])
  })

  test('has boxes that hide the named curves', () => {
    const boxes = [...document.querySelectorAll('input[type=checkbox]')].map((box) => box.id)
    expect(boxes).toHaveLength(inCurves.length + 6)
    for (const id of boxes) expect(html).toContain(`:has(#${id}:not(:checked))`)
  })
})

test('a report of two frameworks shows each separately', () => {
  const other = fakeRuns({ framework: { id: 'other', title: 'Other framework' } })
  const { document } = parseHTML(
    renderReport({ ...results, runs: [...results.runs, ...other], descents: [] }),
  )
  expect([...document.querySelectorAll('h2')].map((heading) => heading.textContent)).toEqual([
    'Results beside the paper’s',
    'One learning rate after another',
    'Training in Fake framework',
    'Training in Other framework',
  ])
  expect(document.querySelectorAll('svg.chart')).toHaveLength(10)
})

test('a report of failures says so and keeps foreign text from becoming markup', () => {
  const failed = fakeRuns({
    steps: [],
    epochs: [],
    complete: false,
    failure: '<script>alert(1)</script> & more',
  })
  const html = renderReport({ ...results, runs: failed, descents: [] })
  expect(html).toContain('failed after 0 steps: &lt;script&gt;alert(1)&lt;/script&gt; &amp; more')
  expect(html).not.toContain('<script')
})

test('a report without runs is still a report', () => {
  const html = renderReport({ ...results, runs: [], descents: [], stopped: true })
  expect(html).toContain('stopped before its end')
  expect(html).toMatch(/<\/html>\n$/)
})

test('long runs are drawn with few points, and a diverged one without its infinities', () => {
  const steps = Array.from({ length: 20_000 }, (_, place) => ({
    step: place + 1,
    loss: place > 10_000 ? Number.NaN : 1 + place,
    accuracy: 0.5,
    scale: 0,
    dualNorm: Infinity,
  }))
  const html = renderReport({ ...results, runs: fakeRuns({ steps }), descents: [] })
  const drawn = [...html.matchAll(/ (?:d|cx|cy|[xy][12]|transform)="([^"]*)"/g)].map(
    ([, numbers]) => numbers!,
  )
  expect(drawn.filter((numbers) => /NaN|Infinity/.test(numbers))).toEqual([])
  expect(html.length).toBeLessThan(400_000)
})
