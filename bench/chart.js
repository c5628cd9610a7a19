/**
 * node bench/chart.js results.json chart.svg
 *
 * Draws the core's measurements by `bench/main.js --json results.json`: nanoseconds per parameter against the number of
 * parameters, one panel per optimiser.
 */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { readFileSync, writeFileSync } from 'node:fs'

if (process.argv.length !== 4) {
  console.error('usage: node bench/chart.js results.json chart.svg')
  process.exit(2)
}
const [, , input, output] = process.argv
const { core, machine } = JSON.parse(readFileSync(input, 'utf8'))

/** The lines of the chart, from the slowest to the limit of memory, with their labels. */
const series = new Map([
  ['reference', 'reference engine'],
  ['loop', 'loop of JavaScript'],
  ['outside', 'wasm engine, with copies'],
  ['wasm', 'wasm engine'],
  ['limit', 'moving the same bytes'],
])
/** Bytes that a step moves per parameter: gradient twice, parameter and each slot in and out once, slots read twice. */
const bytes = { sgd: 16, momentum: 24, adam: 36 }
const titles = { sgd: 'SGD', momentum: 'momentum', adam: 'Adam' }

const points = core
  .filter(({ base, embedding, tensors }) => base in bytes && embedding === 'identity' && tensors === 1)
  .flatMap(({ base, size, nanosecondsPerParameter: { copy, ...measured } }) =>
    // A copy moves 8 bytes per element: 4 in, 4 out.
    Object.entries({ ...measured, limit: (copy * bytes[base]) / 8 })
      .filter(([name, value]) => series.has(name) && Number.isFinite(value))
      .map(([name, value]) => ({ base: titles[base], size, what: series.get(name), value })),
  )

const { document } = parseHTML('<html><body></body></html>')
const colours = ['#8a8f98', '#c2410c', '#60a5fa', '#1d4ed8', '#15803d']
const chart = Plot.plot({
  document,
  width: 860,
  height: 340,
  marginLeft: 56,
  marginTop: 44,
  style: { fontFamily: 'system-ui, sans-serif', fontSize: '12px', background: '#fbfaf7', color: '#1f2933' },
  x: {
    type: 'log',
    label: 'parameters',
    ticks: [1e4, 1e5, 1e6, 1e7],
    tickFormat: (n) => ({ 1e4: '10k', 1e5: '100k', 1e6: '1M', 1e7: '10M' })[n],
  },
  y: {
    type: 'log',
    label: '↑ nanoseconds per parameter and step',
    grid: true,
    ticks: [0.1, 1, 10],
    tickFormat: String,
  },
  fx: { label: null, domain: ['SGD', 'momentum', 'Adam'] },
  color: { domain: [...series.values()], range: colours, legend: false },
  marks: [
    Plot.line(points, { x: 'size', y: 'value', fx: 'base', stroke: 'what', strokeWidth: 1.8 }),
    Plot.dot(points, { x: 'size', y: 'value', fx: 'base', fill: 'what', r: 3 }),
  ],
})
chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
chart.setAttribute('role', 'img')
chart.setAttribute('viewBox', '0 0 860 400')
chart.setAttribute('height', '400')
const legend = [...series.values()].map((name, i) => {
  const [x, y] = [56 + (i % 3) * 270, 362 + Math.floor(i / 3) * 22]
  return `<circle cx="${x}" cy="${y}" r="5" fill="${colours[i]}"/><text x="${x + 12}" y="${y + 4}" font-family="system-ui, sans-serif" font-size="13" text-anchor="start" fill="#1f2933">${name}</text>`
})
const title = '<title>Time of a step per parameter</title>'
const description = `<desc>Measured on ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, by npm run bench</desc>`
const svg = chart.outerHTML
  .replace(
    /^<svg[^>]*>/,
    (open) => `${open}${title}${description}<rect width="860" height="400" fill="#fbfaf7"/>`,
  )
  .replace(/<\/svg>$/, `${legend.join('')}</svg>`)
writeFileSync(output, `${svg}\n`)
