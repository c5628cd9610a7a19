import { contours } from 'd3-contour'
import { compile } from './formula.js'
import { parserOf } from './parser.js'
import type { Settings } from './settings.js'
import type { Surface } from './surface.js'
import type { Point, View } from './surfaces.js'

/** The values of a surface on a grid over a view, row after row from the bottom. */
export interface Grid {
  readonly columns: number
  readonly rows: number
  readonly view: View
  readonly heights: Float64Array
  /** The heights between which colours and contours are spread. */
  readonly low: number
  readonly high: number
}

/** f(L), and its slope, as the picture draws it. */
export interface Lift {
  height(loss: number): number
  slope(loss: number): number
}

/** The embedding of settings in plain numbers, for the picture. The steps themselves are the library's. For a typed one, the parser must have been loaded. */
export function liftOf({ embedding, embeddingFormula, lift, floor }: Settings): Lift {
  const left = (loss: number): number => loss + lift - floor
  switch (embedding) {
    case 'identity':
      return { height: (loss) => loss + lift, slope: () => 1 }
    case 'root':
      return { height: (loss) => 2 * Math.sqrt(left(loss)), slope: (loss) => 1 / Math.sqrt(left(loss)) }
    case 'log':
    case 'logDamped':
      return { height: (loss) => Math.log(left(loss)), slope: (loss) => 1 / left(loss) }
    case 'own': {
      const f = compile(parserOf()(embeddingFormula, ['L']), ['L'])
      const height = (loss: number): number => f(loss + lift, 0)
      return {
        height,
        slope(loss) {
          const step = 1e-6 * Math.max(1, Math.abs(loss))
          return (height(loss + step) - height(loss - step)) / (2 * step)
        },
      }
    }
  }
}

/** Evaluates a surface on a grid. Heights that are no numbers, as log 0, count as the lowest. */
export function createGrid(surface: Surface, lift: Lift, view: View, columns: number, rows: number): Grid {
  const [left, bottom, right, top] = view
  const heights = new Float64Array(columns * rows)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const x = left + ((right - left) * column) / (columns - 1)
      const y = bottom + ((top - bottom) * row) / (rows - 1)
      heights[row * columns + column] = lift.height(surface.value(x, y))
    }
  const sorted = heights.filter(Number.isFinite).sort()
  const quantile = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  const [low, high] = [quantile(0.002), quantile(0.9)]
  for (let i = 0; i < heights.length; i++) {
    const height = heights[i]!
    if (Number.isFinite(height)) continue
    heights[i] = height > 0 ? high : low
  }
  return { columns, rows, view, heights, low, high: high > low ? high : low + 1 }
}

/** The heights of the contour lines, closer to each other towards the bottom. */
export function levelsOf({ low, high }: Grid, count: number): number[] {
  return Array.from({ length: count }, (_, i) => low + (high - low) * (i / count) ** 1.6)
}

/** The area above a height, as rings of points of the plane. */
export interface Band {
  readonly height: number
  readonly rings: readonly (readonly Point[])[]
}

/** The areas above each of the heights. */
export function bandsOf(grid: Grid, levels: readonly number[]): Band[] {
  const { columns, rows, view, heights } = grid
  const [left, bottom, right, top] = view
  // A point of d3's is in cells from the corner of the first one; ours is at the cells' centres.
  const place = ([column, row]: readonly number[]): Point => [
    left + ((right - left) * (column! - 0.5)) / (columns - 1),
    bottom + ((top - bottom) * (row! - 0.5)) / (rows - 1),
  ]
  const shapes = contours()
    .size([columns, rows])
    .thresholds([...levels])(Array.from(heights))
  return shapes.map(({ value, coordinates }) => ({
    height: value,
    rings: coordinates.flat().map((ring) => ring.map(place)),
  }))
}

const stops = [
  [22, 58, 99],
  [38, 98, 138],
  [84, 148, 168],
  [157, 194, 186],
  [224, 214, 180],
  [244, 228, 196],
] as const

/** The colour of a share of the height, 0 to 1: blue, through green and sand. Three numbers from 0 to 255. */
export function colourOf(share: number): readonly [number, number, number] {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1)
  const lower = Math.min(stops.length - 2, Math.floor(place))
  const mix = (channel: 0 | 1 | 2): number =>
    stops[lower]![channel] + (place - lower) * (stops[lower + 1]![channel] - stops[lower]![channel])
  return [mix(0), mix(1), mix(2)]
}

/** The colour of paths with the metric. */
export const inducedColour = '#d9400b'
/** The colour of the base beside it. */
export const besideColour = '#1c2733'
