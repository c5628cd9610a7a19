import type { Point } from './surfaces.js'

/**
 * The unit ball {u: uᵀ(P⁻¹ + w·ggᵀ)u = r²} of the induced metric, an ellipse that is pressed along Pg. Where an element of P is 0, it is flat.
 *
 * @param map the diagonal of P, ≥ 0
 * @param gradient g
 * @param weight w = f′²·v̂/s, so that w·gᵀPg = f′²·v̂
 * @param radius r
 */
export function unitBall(
  centre: Point,
  map: Point,
  gradient: Point,
  weight: number,
  radius: number,
  corners = 72,
): Point[] {
  const [rootX, rootY] = [Math.sqrt(map[0]), Math.sqrt(map[1])]
  // In the base's own measure the ball is round, and it is pressed by (1 + w|h|²)^−½ along h = P^½ g.
  const [hx, hy] = [gradient[0] * rootX, gradient[1] * rootY]
  const size = hx * hx + hy * hy
  const factor = size > 0 ? (1 / Math.sqrt(1 + weight * size) - 1) / size : 0
  return Array.from({ length: corners }, (_, corner): Point => {
    const angle = (2 * Math.PI * corner) / corners
    const [vx, vy] = [radius * Math.cos(angle), radius * Math.sin(angle)]
    const along = factor * (vx * hx + vy * hy)
    return [centre[0] + (vx + along * hx) * rootX, centre[1] + (vy + along * hy) * rootY]
  })
}
