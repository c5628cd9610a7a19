import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

const { document } = parseHTML('<!doctype html><html><body></body></html>')

/** A line of a chart: its class is `s-<id>`. */
export interface Series {
  readonly id: string
  readonly title: string
}

/** The text around a plot in its file. */
export interface Frame {
  readonly title: string
  readonly description: string
  readonly width: number
  readonly height: number
  readonly series: readonly Series[]
}

const COLUMNS = 3
const ROW = 22
const MARGIN = 32

/** The reader's choice of a light or a dark page is handled in the file itself, because pages embed it as a picture. */
const style = `
.chart { --paper: #fcfcfa; --ink: #1c2024; --soft: #5b646d; --rule: #dfe2e4; font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: var(--ink); }
.series { --c: #9a6700; --dash: none; }
.s-adam { --c: #15803d; } .s-adam-linear { --c: #15803d; --dash: 2 3; } .s-adam-clip { --c: #68727d; --dash: 7 3; } .s-adam-identity { --c: #68727d; --dash: 2 3; }
.s-adam-log { --c: #d4570a; } .s-adam-root { --c: #1f6feb; } .s-sgd { --c: #15803d; --dash: 7 3; } .s-sgd-root { --c: #1f6feb; --dash: 7 3; }
.s-adam-root-10 { --c: #1f6feb; --dash: 2 3; } .s-adam-follow { --c: #0b7f86; } .s-adam-averaged { --c: #b42318; } .s-rate-free { --c: #1c2024; }
.s-momo-adam { --c: #7d3fd1; } .s-schedule-free-adam { --c: #be2f7f; } .s-prodigy { --c: #9a6700; --dash: 7 3; }
@media (prefers-color-scheme: dark) {
  .chart { --paper: #14171a; --ink: #e8eaec; --soft: #9aa4ae; --rule: #31373d; }
  .series { --c: #e3b341; }
  .s-adam, .s-adam-linear, .s-sgd { --c: #5fd07f; } .s-adam-clip, .s-adam-identity { --c: #a3adb8; } .s-adam-log { --c: #ff9a52; }
  .s-adam-root, .s-adam-root-10, .s-sgd-root { --c: #6cb0ff; } .s-adam-follow { --c: #3fc7ce; } .s-adam-averaged { --c: #ff7b72; }
  .s-rate-free { --c: #e8eaec; } .s-momo-adam { --c: #c09aff; } .s-schedule-free-adam { --c: #ff8cc4; }
}
.paper { fill: var(--paper); }
.chart text { fill: var(--ink); }
.chart [aria-label$="axis tick label"] text, .chart [aria-label$="axis label"] text { fill: var(--soft); }
.chart [aria-label$="axis tick"] { stroke: var(--rule); }
.chart [aria-label$="grid"] { stroke: var(--rule); stroke-opacity: 1; }
.series.line { stroke: var(--c); stroke-width: 2; stroke-dasharray: var(--dash); fill: none; stroke-linejoin: round; }
.series.dot { fill: var(--c); stroke: none; }
.series.range { stroke: var(--c); stroke-width: 5; stroke-opacity: .25; stroke-linecap: round; }
`

/** Draws a plot into an SVG file of its own, with a title, a description and a legend. */
export function drawFile(
  { title, description, width, height, series }: Frame,
  options: Plot.PlotOptions,
): string {
  const plotted = Plot.plot({ ...options, width, height, document, className: 'plot', figure: false })
  plotted.querySelector('style')?.remove()
  for (const name of ['d', 'cx', 'cy', 'x1', 'x2', 'y1', 'y2', 'transform'])
    for (const element of plotted.querySelectorAll(`[${name}]`))
      element.setAttribute(name, shortened(element.getAttribute(name) ?? ''))
  const rows = Math.ceil(series.length / COLUMNS)
  const total = height + rows * ROW + MARGIN
  const legend = series.map(({ id, title }, place) => {
    const x = 50 + (place % COLUMNS) * ((width - 60) / COLUMNS)
    const y = height + MARGIN / 2 + Math.floor(place / COLUMNS) * ROW
    return `<path class="series line s-${id}" d="M${x} ${y}h28"/><text x="${x + 36}" y="${y + 4}">${escaped(title)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${total}" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">${escaped(description)}</desc>
<style>${style}</style>
<rect class="paper" width="${width}" height="${total}" rx="10"/>
${plotted.innerHTML}
${legend.join('\n')}
</svg>
`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

// Nobody sees a tenth of a pixel.
function shortened(coordinates: string): string {
  return coordinates.replace(/\d+\.\d{2,}/g, (number) => String(Number(Number(number).toFixed(1))))
}
