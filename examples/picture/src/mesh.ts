import { DOMAIN, loss, margin, type Point } from './landscape.js'

/** One cell of the surface, cut off at the surface's edge. */
export type Cell = readonly Point[]

/** The cells of the drawn surface. */
export function surfaceCells(columns: number, rows: number): Cell[] {
  const [left, near, right, far] = DOMAIN
  const corner = (column: number, row: number): Point => [
    left + ((right - left) * column) / columns,
    near + ((far - near) * row) / rows,
  ]
  const cells: Cell[] = []
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const whole = [
        corner(column, row),
        corner(column + 1, row),
        corner(column + 1, row + 1),
        corner(column, row + 1),
      ]
      const cell = cutAtEdge(whole)
      if (cell.length > 2) cells.push(cell)
    }
  return cells
}

/** Where a segment crosses from positive to negative values of a function or back, by bisection. */
function crossing(from: Point, to: Point, sign: (point: Point) => number): Point {
  let [low, high] = [0, 1]
  const at = (share: number): Point => [
    from[0] + share * (to[0] - from[0]),
    from[1] + share * (to[1] - from[1]),
  ]
  const first = sign(from) >= 0
  for (let turn = 0; turn < 30; turn++) {
    const middle = (low + high) / 2
    if (sign(at(middle)) >= 0 === first) low = middle
    else high = middle
  }
  return at(low)
}

function cutAtEdge(corners: readonly Point[]): Point[] {
  // The grid's own edge has margin 0; rounding must not cut it away.
  const edge = (point: Point): number => margin(point) + 1e-9
  return corners.flatMap((corner, place) => {
    const next = corners[(place + 1) % corners.length]!
    const inside = edge(corner) >= 0
    const kept = inside ? [corner] : []
    return inside === edge(next) >= 0 ? kept : [...kept, crossing(corner, next, edge)]
  })
}

/** The segments of a contour line, from one side of a cell to another. */
export function contourSegments(level: number, columns: number, rows: number): [Point, Point][] {
  const [left, near, right, far] = DOMAIN
  const at = (column: number, row: number): Point => [
    left + ((right - left) * column) / columns,
    near + ((far - near) * row) / rows,
  ]
  const height = (point: Point): number => level - loss(point)
  const segments: [Point, Point][] = []
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const corners = [at(column, row), at(column + 1, row), at(column + 1, row + 1), at(column, row + 1)]
      const crossings = corners.flatMap((corner, place) => {
        const next = corners[(place + 1) % 4]!
        return loss(corner) < level === loss(next) < level ? [] : [crossing(corner, next, height)]
      })
      for (let place = 0; place + 1 < crossings.length; place += 2)
        segments.push([crossings[place]!, crossings[place + 1]!])
    }
  return segments
}
