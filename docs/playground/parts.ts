import { adam, heavyBall, sgd, type Preconditioner } from '@induced-metric/core'
import type { BaseId } from './bases.js'
import type { parseFormula } from './parse.js'
import type { Settings } from './settings.js'

/** Creates a base from its momentum, or from nothing. */
type Factory = (options?: Record<string, number>) => Preconditioner

// What the first picture needs is there; the rest is loaded with the first settings that ask for it.
const factories: Partial<Record<BaseId, Factory>> = { adam, heavyBall, sgd }
let parse: typeof parseFormula | undefined

/** Loads the parts of the worker that settings ask for: their base, and the parser of a typed embedding. */
export async function loadParts({ base, embedding }: Pick<Settings, 'base' | 'embedding'>): Promise<void> {
  if (!factories[base]) Object.assign(factories, (await import('./factories.js')).factories)
  if (embedding === 'own') parse ??= (await import('./parse.js')).parseFormula
}

/**
 * The base of a name.
 *
 * @throws Error unless {@link loadParts} has loaded it
 */
export function factoryOf(base: BaseId): Factory {
  const factory = factories[base]
  if (!factory) throw new Error(`the base ${base} is not loaded`)
  return factory
}

/**
 * The parser of formulas.
 *
 * @throws Error unless {@link loadParts} has loaded it
 */
export function parserOf(): typeof parseFormula {
  if (!parse) throw new Error('the parser of formulas is not loaded')
  return parse
}
