import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { writeReport } from '../src/report/report.js'
import { accuracyTable, lossTable } from '../src/report/tables.js'
import { tunedTable } from '../src/report/tuned.js'
import { committedResults, readResults } from '../src/results.js'
import type { Run } from '../src/run.js'
import { tasks } from '../src/tasks/index.js'

const run = (optimizer: string, rate: number, seed: number, loss: number | null, accuracy = 0.5): Run => ({
  task: 'mnist',
  optimizer,
  rate,
  seed,
  steps: 936,
  loss,
  accuracy,
  curve: [2.3, 1],
  seconds: 1,
})

const runs = [
  run('adam', 0.01, 0, 0.05, 0.97),
  run('adam', 0.01, 1, 0.07, 0.98),
  run('adam', 1, 0, 2.3, 0.1),
  run('adam', 1, 1, null, 0.1),
  run('adam-clip', 0.01, 0, 0.061239, 0.9712),
  run('adam-root', 0.01, 0, 3.04e-7, 0.9712),
  run('prodigy', 1, 0, 0.09, 0.96),
]

test('tables give medians, and the best of a row in bold', () => {
  expect(lossTable(runs)).toBe(
    [
      '| η | .01 | 1 |',
      '| --- | --- | --- |',
      '| Adam | **.06** | ∞ |',
      '| Adam, clipped | **.0612** |  |',
      '| Adam, root | **3e−7** |  |',
      '',
      '| coefficient | 1 |',
      '| --- | --- |',
      '| Prodigy | **.09** |',
    ].join('\n'),
  )
  expect(accuracyTable(runs)).toContain('| Adam | **.9750** | .1000 |')
})

test('charts are drawn, titled, and load nothing from the network', () => {
  const { files, chart } = writeReport(runs)
  expect([...files.keys()]).toEqual(['README.md', 'mnist.svg'])
  expect(files.get('README.md')).toContain('![MNIST: final loss by learning rate](mnist.svg)')
  for (const picture of [files.get('mnist.svg')!, chart!]) {
    expect(picture).toMatch(/<title id="title">.+<\/title>\n<desc id="description">.+<\/desc>/)
    expect(picture).toMatch(/<path d="M[^"]+L[^"]+"/)
    expect(picture.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/https?:|url\(|href/)
    expect(picture).not.toMatch(/NaN|undefined|Infinity/)
    for (const id of ['adam', 'adam-clip', 'adam-root']) {
      expect(picture).toContain(`series line s-${id}"`)
      expect(picture).toMatch(new RegExp(`\\.s-${id}[ ,][^{]*\\{ --c`))
    }
  }
  expect(chart).toContain('Adam: 0.975 at 0.01, 0.100 at 1.')
  expect(writeReport(runs.slice(0, 4)).chart).toBeUndefined()
})

test('rateFree is compared with the best of the rates of Adam', () => {
  const free = [
    run('adam-linear', 0.003, 0, 0.04),
    run('adam-linear', 0.01, 0, 0.025),
    run('rate-free', 0.01, 0, 0.05),
    run('rate-free', 1, 0, 0.02),
    run('rate-free', 100, 0, 0.021),
  ]
  const sections = [{ task: tasks[0]!, runs: free }]
  expect(tunedTable(sections)).toBe(
    [
      '|  | Adam, linear decay | its best rate | rateFree, η = 1 | difference | from η = .001 to 100 |',
      '| --- | --- | --- | --- | --- | --- |',
      '| MNIST | .025 | .01 | .02 | −20 % | .02 to .05 |',
    ].join('\n'),
  )
  expect(tunedTable([{ task: tasks[0]!, runs }])).toBeUndefined()
})

test('runs of another length are not in the report', () => {
  expect([...writeReport(runs.map((run) => ({ ...run, steps: 9 }))).files.keys()]).toEqual(['README.md'])
})

/** The cells of a page's tables, as `row at column`, under each header. */
function cellsOf(page: string): Map<string, string> {
  const cells = new Map<string, string>()
  let [heading, heads] = ['', [] as string[]]
  for (const line of page.split('\n')) {
    if (line.startsWith('#')) heading = line.replace(/^#+ /, '')
    if (!line.startsWith('|')) heads = []
    else {
      const row = line.split('|').map((cell) => cell.trim())
      if (heads.length === 0) heads = row
      else if (row[1] !== '---')
        row.slice(2, -1).forEach((cell, i) => {
          const place = `${heading}: ${row[1]} at ${heads[1]} ${heads[i + 2]}`
          if (!cells.has(place)) cells.set(place, cell)
        })
    }
  }
  return cells
}

test.each([
  ['choosing-xi.md', /\*\*(MNIST.*|GPT.*)\*\*/g, 100],
  ['which-optimizer.md', /\*\*(Without a choice of the rate)\*\*/g, 25],
])('the figures in %s are those of the report', async (name, titles, count) => {
  const report = cellsOf(writeReport(readResults(committedResults)).files.get('README.md')!)
  const guide = await readFile(join(committedResults, '../../../docs', name), 'utf8')
  // A table in a guide is under the report's own heading, in bold.
  const cells = [...cellsOf(guide.replaceAll(titles, '# $1'))].filter(([place]) =>
    [...guide.matchAll(titles)].some(([, title]) => place.startsWith(`${title}: `)),
  )
  expect(cells.length).toBeGreaterThan(count)
  for (const [place, cell] of cells) expect([place, report.get(place)]).toEqual([place, cell])
})

test('the committed report is the one of the committed runs', async () => {
  const { files, chart } = writeReport(readResults(committedResults))
  const picture = join(committedResults, '../../../docs/images/learning-rate.svg')
  const pages = [...files].map(([name, content]) => [join(committedResults, name), content] as const)
  for (const [path, content] of [...pages, [picture, chart!] as const]) {
    expect(
      existsSync(path) && (await readFile(path, 'utf8')) === content,
      `${path}: run npm run report`,
    ).toBe(true)
  }
})
