import { DOMAIN, gradient, loss, margin, RIM, type Point } from './landscape.js'
import { contourSegments, surfaceCells } from './mesh.js'
import { follow, optimizers } from './paths.js'
import { brightness, depth, isVisible, onPlane, onSurface, type Pixel } from './projection.js'

const WIDTH = 860
const HEIGHT = 760
const INK = '#1d2733'
const SOFT = '#66727f'
const INDUCED = '#e4490d'
const PLAIN = '#27313d'
const LEVELS = [0.05, 0.25, 0.75, 1.5, 2.5, 4, 6, 9]
const MINIMUM: Point = [1.2, 0.648]

/** The picture as the text of an SVG file, with its own background so that it suits light and dark pages. */
export function drawPicture(): string {
  const induced = follow(optimizers.induced)
  const plain = follow(optimizers.plain)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="title description" font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif">
<title id="title">A step measured on the loss surface</title>
<desc id="description">A bent valley drawn as a surface over the parameter plane. From the same start and with the same learning rate, gradient descent with the induced metric walks down to the minimum, while plain gradient descent is thrown from wall to wall and out of the picture. Below, both paths are projected onto the parameter plane.</desc>
<rect width="${WIDTH}" height="${HEIGHT}" rx="14" fill="#fbfaf7"/>
${plane()}
${planePaths(induced, plain)}
${dropLines(induced)}
${surface()}
${surfacePaths(induced, plain)}
${labels(induced[0]!)}
</svg>
`
}

function plane(): string {
  const [left, near, right, far] = DOMAIN
  const corners: Point[] = [
    [left, near],
    [right, near],
    [right, far],
    [left, far],
  ]
  const lines = LEVELS.map((level) => {
    const segments = contourSegments(level, 88, 64).map(
      ([from, to]) => `M${pixel(onPlane(from))}L${pixel(onPlane(to))}`,
    )
    return `<path d="${segments.join('')}" stroke="${ramp(level / RIM, 0.86)}"/>`
  })
  return `<path d="${polygon(corners.map(onPlane))}" fill="#f1efe8" stroke="#cfccc2"/>
<g fill="none" stroke-width="1.2" stroke-linecap="round">
${lines.join('\n')}
</g>`
}

function surface(): string {
  const cells = surfaceCells(44, 32)
    .map((cell) => ({ cell, centre: mean(cell) }))
    .sort((one, other) => depth(other.centre) - depth(one.centre))
  const shapes = cells.map(({ cell, centre }) => {
    const shade = 0.68 + 0.36 * brightness(gradient(centre))
    const colour = ramp(Math.min(1, loss(centre) / RIM), shade)
    return `<path d="${polygon(cell.map(onSurface))}" fill="${colour}"/>`
  })
  return `<g stroke="#ffffff" stroke-opacity=".22" stroke-width=".7" stroke-linejoin="round">
${shapes.join('\n')}
</g>`
}

/** From the loss's low (blue) to its high (sand), a little darker in the shade. */
function ramp(share: number, shade = 1): string {
  const stops = [
    [31, 78, 121],
    [67, 132, 160],
    [146, 186, 182],
    [226, 214, 178],
    [244, 226, 190],
  ] as const
  const place = Math.sqrt(Math.max(0, share)) * (stops.length - 1)
  const lower = Math.min(stops.length - 2, Math.floor(place))
  const mixed = stops[lower]!.map(
    (low, channel) => low + (place - lower) * (stops[lower + 1]![channel]! - low),
  )
  return `#${mixed
    .map((value) =>
      Math.min(255, Math.round(value * shade))
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`
}

function surfacePaths(induced: readonly Point[], plain: readonly Point[]): string {
  return `<g fill="none" stroke-linejoin="round" stroke-linecap="round">
${lifted(untilRim(plain), PLAIN, 'stroke-width="2" stroke-dasharray="7 5"')}
${lifted(induced, '#ffffff', 'stroke-width="6" stroke-opacity=".55"')}
${lifted(induced, INDUCED, 'stroke-width="3"')}
</g>
${arrowHead(untilRim(plain), onSurface)}
${dots(plain.filter(inPicture), onSurface, PLAIN, 3.4)}
${dots(induced, onSurface, INDUCED, 3.6)}`
}

function planePaths(induced: readonly Point[], plain: readonly Point[]): string {
  const kept = untilRim(plain)
  return `<g fill="none" stroke-linejoin="round" stroke-linecap="round">
<path d="${line(kept.map(onPlane))}" stroke="${PLAIN}" stroke-width="1.5" stroke-dasharray="6 5"/>
<path d="${line(induced.map(onPlane))}" stroke="${INDUCED}" stroke-width="2.2"/>
</g>
${arrowHead(kept, onPlane)}
${dots(plain.filter(inPicture), onPlane, PLAIN, 2.6)}
${dots(induced, onPlane, INDUCED, 2.6)}
${cross(onPlane(MINIMUM))}`
}

/** Lines from some points of a path down to their projections. */
function dropLines(path: readonly Point[]): string {
  const chosen = [path[0]!, path[4]!, path[8]!, path.at(-1)!]
  const threads = chosen.map((point) => `M${pixel(onSurface(point))}L${pixel(onPlane(point))}`)
  return `<path d="${threads.join('')}" fill="none" stroke="${SOFT}" stroke-width="1" stroke-dasharray="1.5 4" stroke-linecap="round"/>`
}

/** A path on the surface; parts behind a ridge are faint. */
function lifted(path: readonly Point[], colour: string, attributes: string): string {
  const fine = path.slice(1).flatMap((to, place) => between(path[place]!, to, 24))
  const runs: { visible: boolean; points: Point[] }[] = []
  for (const point of fine) {
    const visible = isVisible(point)
    const last = runs.at(-1)
    if (last?.visible === visible) last.points.push(point)
    else runs.push({ visible, points: last === undefined ? [point] : [last.points.at(-1)!, point] })
  }
  return runs
    .map(({ visible, points }) => {
      const faint = visible ? '' : ' opacity=".3"'
      return `<path d="${line(points.map(onSurface))}" stroke="${colour}" ${attributes}${faint}/>`
    })
    .join('\n')
}

/** The part of a path inside the picture; its last step is cut where it leaves. */
function untilRim(path: readonly Point[]): Point[] {
  const first = path.findIndex((point) => !inPicture(point))
  if (first < 1) return [...path]
  const steps = between(path[first - 1]!, path[first]!, 200)
  const out = steps.findIndex((point) => !inPicture(point))
  return [...path.slice(0, first), steps[Math.max(0, out - 1)]!]
}

function inPicture(point: Point): boolean {
  return margin(point) >= 0
}

function between(from: Point, to: Point, parts: number): Point[] {
  return Array.from({ length: parts + 1 }, (_, place): Point => {
    const share = place / parts
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]
  })
}

function arrowHead(path: readonly Point[], project: (point: Point) => Pixel): string {
  const [from, to] = [path.at(-2)!, path.at(-1)!]
  const tip = project(to)
  const before = project(between(from, to, 12)[11]!)
  const angle = (Math.atan2(tip[1] - before[1], tip[0] - before[0]) * 180) / Math.PI
  return `<path d="M3 0L-8 -4.5L-5.5 0L-8 4.5Z" fill="${PLAIN}" transform="translate(${pixel(tip)}) rotate(${angle.toFixed(0)})"/>`
}

function dots(
  path: readonly Point[],
  project: (point: Point) => Pixel,
  colour: string,
  radius: number,
): string {
  const circles = path.map((point) => {
    const [left, top] = project(point)
    return `<circle cx="${left.toFixed(1)}" cy="${top.toFixed(1)}" r="${radius}"/>`
  })
  return `<g fill="${colour}" stroke="#fbfaf7" stroke-width="1">${circles.join('')}</g>`
}

function cross([left, top]: Pixel): string {
  return `<path d="M${pixel([left - 6, top])}h12M${pixel([left, top - 6])}v12" stroke="${INK}" stroke-width="1.6"/>`
}

function labels(start: Point): string {
  const [left, near, right] = DOMAIN
  const [startLeft, startTop] = onSurface(start)
  const xLabel = onPlane([(left + right) / 2, near - 0.28])
  const yLabel = onPlane([right + 0.22, 1.2])
  return `<g font-size="17" fill="${INK}">
<g transform="translate(40 700)">
<path d="M0 0h34" stroke="${INDUCED}" stroke-width="3" stroke-linecap="round"/><circle cx="17" r="4" fill="${INDUCED}"/>
<text x="46" y="6">induced metric</text>
<path d="M0 28h34" stroke="${PLAIN}" stroke-width="2" stroke-dasharray="7 5"/><circle cx="17" cy="28" r="3.4" fill="${PLAIN}"/>
<text x="46" y="34">plain gradient descent, same learning rate</text>
</g>
<text x="${(startLeft + 12).toFixed(0)}" y="${(startTop - 10).toFixed(0)}" font-size="15">start</text>
<g font-size="15" fill="${SOFT}"><text x="684" y="92">loss surface</text><text x="44" y="644">parameter plane</text></g>
<g font-style="italic" text-anchor="middle" fill="${SOFT}">
<text x="${xLabel[0].toFixed(0)}" y="${xLabel[1].toFixed(0)}">θ₁</text>
<text x="${yLabel[0].toFixed(0)}" y="${yLabel[1].toFixed(0)}">θ₂</text>
</g>
</g>`
}

function mean(points: readonly Point[]): Point {
  const sum = points.reduce((total, point) => [total[0] + point[0], total[1] + point[1]] as const)
  return [sum[0] / points.length, sum[1] / points.length]
}

function polygon(pixels: readonly Pixel[]): string {
  return `${line(pixels)}Z`
}

function line(pixels: readonly Pixel[]): string {
  return `M${pixels.map(pixel).join('L')}`
}

function pixel([left, top]: Pixel): string {
  return `${Number(left.toFixed(1))} ${Number(top.toFixed(1))}`
}
