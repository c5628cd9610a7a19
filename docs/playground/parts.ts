import { adam, type Embedding, type Preconditioner } from '@induced-metric/core'
import type { BaseId } from './bases.js'
import type { Settings } from './settings.js'

/** Creates a base from its momentum, or from nothing. */
type Factory = (options?: Record<string, number>) => Preconditioner

// What the first picture needs is there; the rest is loaded with the first settings that ask for it.
const factories: Partial<Record<BaseId, Factory>> = { adam }
let createOwn: ((formula: string) => Embedding) | undefined

/** Loads the parts of the worker that settings ask for: their bases, and what makes an embedding of a typed formula. */
export async function loadParts({
  base,
  beside,
  embedding,
}: Pick<Settings, 'base' | 'beside' | 'embedding'>): Promise<void> {
  if (!factories[base] || (beside === 'heavyBall' && !factories.heavyBall))
    Object.assign(factories, (await import('./factories.js')).factories)
  if (embedding === 'own') createOwn ??= (await import('./ownEmbedding.js')).createOwnEmbedding
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
 * The embedding of a typed formula.
 *
 * @throws Error unless {@link loadParts} has loaded what makes it; FormulaError for a text that is none
 */
export function ownEmbedding(formula: string): Embedding {
  if (!createOwn) throw new Error('the parser of formulas is not loaded')
  return createOwn(formula)
}
