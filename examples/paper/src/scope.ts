/**
 * The number of seeds of a study: as many as the environment says, so that a study may begin with few and be continued with
 * more.
 */
export function seedsOf(standard: number): number {
  return numberFrom('PAPER_SEEDS', standard)
}

/** A whole number from the environment, for a quick look at a study; results then go to a file of their own. */
export function numberFrom(name: string, standard: number): number {
  const given = process.env[name]
  if (given === undefined || given === '') return standard
  const value = Number(given)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${name} must be a whole number from 1 on, given ${JSON.stringify(given)}.`)
  return value
}
