import { bases, embeddings, type BaseId, type EmbeddingId } from './bases.js'
import { axes, numbers, type AxisId, type NumberId } from './numbers.js'
import { choiceOf, surfaces, type SurfaceId } from './surfaces.js'

/** How ξ is given: a number, κ·η, or 0, where every embedding but `log` leaves the base as it is. */
export type XiMode = 'number' | 'rate' | 'off'

/** Everything that the playground's picture depends on. */
export interface Settings extends Readonly<Record<NumberId, number>> {
  readonly surface: SurfaceId
  /** The formula of the surface `own`. */
  readonly formula: string
  readonly embedding: EmbeddingId
  /** f(L) of the embedding `own`. */
  readonly embeddingFormula: string
  readonly base: BaseId
  readonly xiMode: XiMode
  /** The run beside it: the same base, or SGD with a momentum that is not normalised. */
  readonly beside: 'same' | 'heavyBall'
  readonly startX: number
  readonly startY: number
  readonly axisX: AxisId
  readonly axisY: AxisId
}

const defaultNumbers = Object.fromEntries(
  Object.entries(numbers).map(([name, { value }]) => [name, value]),
) as Record<NumberId, number>

/** The settings of a first visit. */
export const defaults: Settings = {
  ...defaultNumbers,
  surface: 'rosenbrock',
  formula: 'x^4 / 4 - x^2 + 2 * (y - sin(x))^2 + 1',
  embedding: 'root',
  embeddingFormula: 'log(1 + L)',
  base: 'adam',
  xiMode: 'rate',
  beside: 'same',
  startX: surfaces.rosenbrock.start[0],
  startY: surfaces.rosenbrock.start[1],
  axisX: 'rate',
  axisY: 'xi',
}

const choices = {
  surface: [...Object.keys(surfaces), 'own'],
  embedding: embeddings,
  base: Object.keys(bases),
  xiMode: ['number', 'rate', 'off'],
  beside: ['same', 'heavyBall'],
  axisX: axes,
  axisY: axes,
} as const satisfies Partial<Record<keyof Settings, readonly string[]>>

const clamp = (value: number, { min, max }: { min: number; max: number }): number =>
  Math.min(max, Math.max(min, value))

/** The settings in an address; what it does not say, or says wrongly, has its default. */
export function readSettings(query: string): Settings {
  const given = new URLSearchParams(query)
  const read: Record<string, string | number> = {}
  for (const [key, allowed] of Object.entries(choices)) {
    const value = given.get(key)
    if (value !== null && (allowed as readonly string[]).includes(value)) read[key] = value
  }
  for (const [key, range] of Object.entries(numbers)) {
    const value = Number.parseFloat(given.get(key) ?? '')
    if (Number.isFinite(value))
      read[key] = key === 'steps' ? Math.round(clamp(value, range)) : clamp(value, range)
  }
  for (const key of ['formula', 'embeddingFormula']) {
    const value = given.get(key)
    if (value !== null) read[key] = value.slice(0, 400)
  }
  const surface = (read['surface'] ?? defaults.surface) as SurfaceId
  const { start } = choiceOf(surface)
  for (const [key, usual] of [
    ['startX', start[0]],
    ['startY', start[1]],
  ] as const) {
    const value = Number.parseFloat(given.get(key) ?? '')
    read[key] = Number.isFinite(value) ? clamp(value, { min: -100, max: 100 }) : usual
  }
  return { ...defaults, ...(read as Partial<Settings>) }
}

/** The part of an address that stands for settings: what differs from the defaults. */
export function writeSettings(settings: Settings): string {
  const { start } = choiceOf(settings.surface)
  const usual: Settings = { ...defaults, startX: start[0], startY: start[1] }
  const query = new URLSearchParams()
  for (const key of Object.keys(defaults) as (keyof Settings)[])
    if (settings[key] !== usual[key]) query.set(key, String(settings[key]))
  return query.toString()
}

/** A number as it is shown: three digits, without needless zeros. */
export function show(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : '∞'
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace('e+', 'e').replace('.0e', 'e')
  return String(Number(value.toPrecision(3)))
}
