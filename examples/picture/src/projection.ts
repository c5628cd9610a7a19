import { DOMAIN, loss, margin, type Point } from './landscape.js'

/** A point of the page, in pixels from the top left. */
export type Pixel = readonly [left: number, top: number]

const AZIMUTH = (-24 * Math.PI) / 180
const ELEVATION = (38 * Math.PI) / 180
const SCALE = 112
/** Height of a unit of loss, in units of the plane. */
const LIFT = 0.175
/** The depth of the parameter plane below loss 0. */
const DROP = 2.3
const ORIGIN: Pixel = [425, 330]

const [sinA, cosA, sinE, cosE] = [
  Math.sin(AZIMUTH),
  Math.cos(AZIMUTH),
  Math.sin(ELEVATION),
  Math.cos(ELEVATION),
]
const CENTRE: Point = [(DOMAIN[0] + DOMAIN[2]) / 2, (DOMAIN[1] + DOMAIN[3]) / 2]

function project(x: number, y: number, z: number): Pixel {
  const [dx, dy] = [x - CENTRE[0], y - CENTRE[1]]
  const across = dx * cosA - dy * sinA
  const away = dx * sinA + dy * cosA
  return [ORIGIN[0] + SCALE * across, ORIGIN[1] - SCALE * (away * sinE + z * cosE)]
}

/** A point of the loss surface on the page: an orthographic view from above. */
export function onSurface(point: Point): Pixel {
  return project(point[0], point[1], LIFT * loss(point))
}

/** A point of the parameter plane below the surface. */
export function onPlane([x, y]: Point): Pixel {
  return project(x, y, -DROP)
}

/** The distance of a point from the viewer, for drawing from the back to the front. */
export function depth([x, y]: Point): number {
  return x * sinA + y * cosA
}

/** Brightness of the surface at a point, lit from the right and the front; 0 to 1. */
export function brightness([slopeX, slopeY]: Point): number {
  const normal = [-LIFT * slopeX, -LIFT * slopeY, 1]
  const light = [0.35, -0.3, 0.89]
  const cosine = normal.reduce((sum, part, axis) => sum + part * light[axis]!, 0) / Math.hypot(...normal)
  return Math.max(0, cosine)
}

/** Whether no other part of the surface is between a point of it and the viewer. */
export function isVisible(point: Point): boolean {
  const height = LIFT * loss(point)
  for (let distance = 0.04; distance < 7; distance += 0.04) {
    const towards: Point = [point[0] - sinA * cosE * distance, point[1] - cosA * cosE * distance]
    if (margin(towards) >= 0 && LIFT * loss(towards) > height + sinE * distance + 0.01) return false
  }
  return true
}
