/** A point of the parameter plane. */
export type Point = readonly [x: number, y: number]

/** The part of the plane that is drawn: `[left, near, right, far]`. */
export const DOMAIN = [-2.75, -0.75, 2.45, 3.25] as const

/** The surface is cut off at this loss. */
export const RIM = 9.2

/** The distance of the wall towards the viewer from the valley's floor; more would hide the valley. */
const NEAR_WALL = 1.35

/** A bent valley with steep walls, whose floor falls gently to its minimum at (1.2, 0.648). */
export function loss([x, y]: Point): number {
  return 0.5 * (x - 1.2) ** 2 + 1.5 * (y - 0.45 * x ** 2) ** 2
}

/** The gradient of {@link loss}. */
export function gradient([x, y]: Point): Point {
  const across = y - 0.45 * x ** 2
  return [x - 1.2 - 2.7 * across * x, 3 * across]
}

/** The distance of a point of the plane to the edge of the drawn surface; negative outside. */
export function margin([x, y]: Point): number {
  const [left, near, right, far] = DOMAIN
  return Math.min(x - left, right - x, y - near, far - y, y - 0.45 * x ** 2 + NEAR_WALL, RIM - loss([x, y]))
}
