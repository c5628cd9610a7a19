import type { parseFormula } from './parse.js'

// Formulas are parsed only where a visitor types one, so the parser is loaded with the first settings that have one.
let parse: typeof parseFormula | undefined

/** Loads the parser of formulas. */
export async function loadParser(): Promise<void> {
  parse ??= (await import('./parse.js')).parseFormula
}

/** Whether settings have a formula that is typed and cannot be parsed yet. */
export function lacksParser({ surface, embedding }: { surface: string; embedding: string }): boolean {
  return parse === undefined && (surface === 'own' || embedding === 'own')
}

/**
 * The parser of formulas.
 *
 * @throws Error unless {@link loadParser} has loaded it
 */
export function parserOf(): typeof parseFormula {
  if (!parse) throw new Error('the parser of formulas is not loaded')
  return parse
}
