// The charts of the page of the evidence.
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { HORIZON, ratiosOf } from './evidence-benchmark.js'
import { titles, trialOf, valuesOf } from './evidence.js'

/**
 * @typedef {import('./evidence.js').Evidence} Evidence
 * @typedef {import('./evidence.js').OptimizerId} OptimizerId
 * @typedef {import('./evidence-benchmark.js').Entry} Entry
 */

const { document } = parseHTML('<html><body></body></html>')
const paper = '#fbfaf7'
const width = 760

const colours = [
  '#1d4ed8',
  '#c2410c',
  '#15803d',
  '#7d3fd1',
  '#0b7f86',
  '#be2f7f',
  '#9a6700',
  '#5b646d',
  '#1f2933',
  '#d97706',
]

const nameOf = (/** @type {Entry} */ { base, variant }) => `${base}, ${variant}`

/**
 * @param {string} title
 * @param {string} description
 * @param {number} height
 * @param {import('@observablehq/plot').PlotOptions} options
 */
function draw(title, description, height, options) {
  const chart = Plot.plot({
    document,
    width,
    height,
    className: 'plot',
    style: { fontFamily: 'system-ui, sans-serif', fontSize: '12px', background: paper, color: '#1f2933' },
    ...options,
  })
  chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  chart.setAttribute('role', 'img')
  const head = `<title>${title}</title><desc>${description}</desc><rect width="${width}" height="${height}" fill="${paper}"/>`
  // Nobody sees a hundredth of a pixel; the text of ticks stays.
  const shortened = chart.outerHTML.replaceAll(/="[^"]*"/g, (attribute) =>
    attribute.replaceAll(/\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1)))),
  )
  return `${shortened.replace(/^<svg[^>]*>/, (open) => open + head)}\n`
}

/**
 * Every run's best accuracy, with the published one: what a published figure is drawn from.
 *
 * @param {NonNullable<Evidence['mnist']>} study
 * @param {Evidence['published']} published
 */
export function mnistChart(study, published) {
  const points = Object.keys(titles).flatMap((id) => {
    const trial = trialOf(study, id)
    const title = titles[/** @type {OptimizerId} */ (id)]
    return trial === undefined ? [] : valuesOf(trial).map((value) => ({ title, value }))
  })
  const marks = Object.entries(published.mnist).flatMap(([id, { best, best50 }]) => {
    const title = titles[/** @type {OptimizerId} */ (id)]
    return [
      { title, value: best, kind: 'best' },
      ...(best50 === undefined ? [] : [{ title, value: best50, kind: 'best50' }]),
    ]
  })
  return draw(
    'Best test accuracy of 200 epochs on MNIST',
    'Dots: seeds here. Bars: the best published run, and the mean of the best fifty.',
    260,
    {
      marginLeft: 120,
      marginRight: 20,
      marginBottom: 45,
      x: {
        label: 'best test accuracy of 200 epochs →',
        grid: true,
        tickFormat: (/** @type {number} */ n) => n.toFixed(3),
      },
      y: { label: null, domain: Object.values(titles) },
      marks: [
        Plot.tickX(
          marks.filter(({ kind }) => kind === 'best'),
          { x: 'value', y: 'title', stroke: '#b42318', strokeWidth: 2.5 },
        ),
        Plot.tickX(
          marks.filter(({ kind }) => kind === 'best50'),
          { x: 'value', y: 'title', stroke: '#b42318', strokeWidth: 1, strokeDasharray: '3 3' },
        ),
        Plot.dot(points, { x: 'value', y: 'title', fill: '#1d4ed8', r: 4, fillOpacity: 0.75 }),
      ],
    },
  )
}

/**
 * How many steps the settings of a grid take, with the published ones.
 *
 * @param {NonNullable<Evidence['functions']>} functions
 * @param {Evidence['published']} published
 */
export function functionsChart({ grid }, published) {
  const names = Object.keys(grid)
  const runs = names.flatMap((name) =>
    Object.entries(grid[name] ?? {}).flatMap(([id, { steps }]) =>
      steps.map((value) => ({ name, title: titles[/** @type {OptimizerId} */ (id)], value })),
    ),
  )
  const marks = names.flatMap((name) =>
    Object.entries(published.functions[name] ?? {}).flatMap(([id, value]) =>
      value === null ? [] : [{ name, title: titles[/** @type {OptimizerId} */ (id)], value }],
    ),
  )
  return draw(
    'Steps to the tolerance on five functions',
    'A line for every setting of the grid that arrives; the published steps in red.',
    520,
    {
      marginLeft: 120,
      marginRight: 80,
      marginBottom: 45,
      x: {
        type: 'log',
        label: 'steps to the tolerance →',
        grid: true,
        domain: [1, 1000],
        ticks: [1, 10, 100, 1000],
        tickFormat: String,
      },
      y: { label: null, domain: [...new Set(runs.map(({ title }) => title))] },
      fy: { label: null, domain: names },
      marks: [
        Plot.tickX(runs, { x: 'value', y: 'title', fy: 'name', stroke: '#1d4ed8', strokeOpacity: 0.25 }),
        Plot.tickX(marks, { x: 'value', y: 'title', fy: 'name', stroke: '#b42318', strokeWidth: 2.5 }),
      ],
    },
  )
}

/**
 * Performance profiles by steps: the share of workloads that an entry solves within a multiple of the best entry's steps.
 *
 * @param {readonly Entry[]} entries
 * @param {readonly Entry[]} shown
 * @param {readonly string[]} ids
 */
export function profileChart(entries, shown, ids) {
  const lines = shown.flatMap((entry) => {
    const name = nameOf(entry)
    const ratios = ratiosOf(entries, entry, 'steps', ids).filter((ratio) => ratio <= HORIZON)
    const breaks = [1, ...ratios.sort((a, b) => a - b), HORIZON]
    return breaks.map((at) => ({
      name,
      at,
      share: ratios.filter((ratio) => ratio <= at + 1e-9).length / ids.length,
    }))
  })
  return draw(
    'Performance profiles by steps',
    'The share of the workloads that are solved within a multiple of the steps of the best optimiser.',
    360,
    {
      marginRight: 150,
      marginBottom: 45,
      x: { label: 'steps, as a multiple of the fewest →', domain: [1, HORIZON] },
      y: { label: '↑ share of the workloads', grid: true, domain: [0, 1] },
      color: { domain: shown.map(nameOf), range: colours },
      marks: [
        Plot.line(lines, { x: 'at', y: 'share', stroke: 'name', curve: 'step-after', strokeWidth: 2 }),
        ...shown.map((entry, place) =>
          Plot.text([nameOf(entry)], {
            text: (/** @type {string} */ name) => name,
            frameAnchor: 'top-right',
            textAnchor: 'start',
            dx: 10,
            dy: 18 * place,
            fill: colours[place % colours.length] ?? 'currentColor',
          }),
        ),
      ],
    },
  )
}
