import type { RateSweep, SweptRate } from './rateSweep.js'

const columns = 64
const rows = 12
const bars = ' ▁▂▃▄▅▆▇█'

/** The finite smoothed losses of a sweep, from the lowest to what is worth showing above the first. */
function lossRange(points: readonly SweptRate[]): readonly [low: number, high: number] {
  const losses = points.map(({ smoothed }) => smoothed).filter(Number.isFinite)
  const low = Math.min(...losses)
  const first = losses[0] ?? 0
  const high = Math.min(Math.max(...losses), first + (first - low) / 2 + Math.abs(first) / 10)
  return high > low ? [low, high] : [low, low + 1]
}

/** Draws a sweep with characters. */
export function textChart({ xi, points, suggestion, suggestedBy, diverged }: RateSweep): string {
  const [low, high] = lossRange(points)
  const [first, last] = [points[0]!, points.at(-1)!]
  const span = Math.log(last.learningRate / first.learningRate) || 1
  const columnOf = (rate: number): number =>
    Math.round((Math.log(rate / first.learningRate) / span) * (columns - 1))
  const grid = Array.from({ length: rows }, () => Array.from({ length: columns }, () => ' '))
  if (suggestion !== undefined && suggestion >= first.learningRate) {
    for (const row of grid) row[columnOf(suggestion)] = '┊'
  }
  const ratios = Array.from({ length: columns }, () => ' ')
  for (const { learningRate, smoothed, scale } of points) {
    const height = Math.min(1, Math.max(0, (smoothed - low) / (high - low)))
    const column = columnOf(learningRate)
    if (Number.isFinite(smoothed)) grid[Math.round((1 - height) * (rows - 1))]![column] = '•'
    ratios[column] = bars[Math.round(Math.min(1, Math.max(0, scale)) * (bars.length - 1))] ?? ' '
  }
  const label = (value: number): string => value.toPrecision(3).padStart(9)
  const blank = ' '.repeat(9)
  const lines = grid.map((row, i) => {
    const side = i === 0 ? label(high) : i === rows - 1 ? label(low) : blank
    return `${side} │${row.join('')}`.trimEnd()
  })
  const ends = [first.learningRate.toExponential(1), last.learningRate.toExponential(1)]
  const hasRatios = points.some(({ scale }) => Number.isFinite(scale))
  return [
    `${xi === undefined ? '' : `ξ = ${xi}: `}loss over the learning rate`,
    ...lines,
    `${blank} └${'─'.repeat(columns)}`,
    ...(hasRatios ? [`${'ρ 0 to 1'.padStart(9)}  ${ratios.join('')}`.trimEnd()] : []),
    `${blank}  ${ends[0]}${ends[1]!.padStart(columns - ends[0]!.length)}`,
    suggestion === undefined
      ? 'no suggestion: the loss neither fell nor diverged'
      : `suggestion ${suggestion.toPrecision(3)}: ${suggestedBy === 'steepest' ? 'the steepest fall' : 'a tenth of the rate of divergence'}` +
        (diverged === undefined ? '' : `; diverged at ${diverged.toPrecision(3)}`),
  ].join('\n')
}

const size = { width: 640, height: 320, margin: 48 } as const
const colours = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#8c564b', '#e377c2'] as const

/** Draws sweeps as an SVG document: losses as full lines, ρ dashed, suggestions as dots. */
export function vectorChart(sweeps: readonly RateSweep[]): string {
  const { width, height, margin } = size
  const all = sweeps.flatMap(({ points }) => points)
  const rates = all.map(({ learningRate }) => Math.log10(learningRate))
  const [left, right] = [Math.min(...rates), Math.max(...rates)]
  const spans = sweeps.map(({ points }) => lossRange(points))
  const low = Math.min(...spans.map((range) => range[0]))
  const high = Math.max(...spans.map((range) => range[1]))
  const x = (rate: number): string =>
    (margin + ((Math.log10(rate) - left) / (right - left || 1)) * (width - 2 * margin)).toFixed(1)
  const y = (share: number): string =>
    (height - margin - Math.min(1, Math.max(0, share)) * (height - 2 * margin)).toFixed(1)
  const line = (points: readonly (readonly [number, number])[], style: string): string => {
    const shown = points.filter(([, share]) => Number.isFinite(share))
    return shown.length === 0
      ? ''
      : `<polyline fill="none" ${style} points="${shown.map(([rate, share]) => `${x(rate)},${y(share)}`).join(' ')}"/>`
  }
  const text = (at: string, words: string, anchor = 'middle'): string =>
    `<text ${at} text-anchor="${anchor}" font-family="sans-serif" font-size="12" fill="#555">${words}</text>`
  const drawn = sweeps.flatMap(({ xi, points, suggestion }, i) => {
    const colour = colours[i % colours.length]!
    const share = (loss: number): number => (loss - low) / (high - low)
    const nearest = points.find(({ learningRate }) => learningRate >= (suggestion ?? Infinity))
    return [
      line(
        points.map(({ learningRate, smoothed }) => [learningRate, share(smoothed)] as const),
        `stroke="${colour}" stroke-width="2"`,
      ),
      line(
        points.map(({ learningRate, scale }) => [learningRate, scale] as const),
        `stroke="${colour}" stroke-dasharray="3 3"`,
      ),
      nearest && suggestion !== undefined
        ? `<circle cx="${x(suggestion)}" cy="${y(share(nearest.smoothed))}" r="5" fill="${colour}"/>`
        : '',
      xi === undefined
        ? ''
        : `<text x="${width - margin}" y="${margin + 16 * i}" text-anchor="end" font-family="sans-serif" font-size="12" fill="${colour}">ξ = ${xi}</text>`,
    ]
  })
  const base = height - margin
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<path d="M${margin} ${margin}V${base}H${width - margin}" fill="none" stroke="#999"/>`,
    ...drawn.filter((part) => part !== ''),
    text(`x="${width / 2}" y="${height - 12}"`, 'learning rate (loss: full line, ρ from 0 to 1: dashed)'),
    text(`x="${margin}" y="${base + 16}"`, (10 ** left).toExponential(1)),
    text(`x="${width - margin}" y="${base + 16}"`, (10 ** right).toExponential(1)),
    text(`x="${margin - 6}" y="${margin}"`, high.toPrecision(3), 'end'),
    text(`x="${margin - 6}" y="${base}"`, low.toPrecision(3), 'end'),
    '</svg>',
  ].join('\n')
}
