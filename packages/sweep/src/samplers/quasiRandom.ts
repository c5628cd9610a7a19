import { createRandom, permutation } from '../random.js'
import { assemble } from '../space/space.js'
import { fromUnit } from '../space/unit.js'
import type { Sampler } from './sampler.js'

/** The first prime numbers. */
function primes(count: number): number[] {
  const found: number[] = []
  for (let candidate = 2; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate)
  }
  return found
}

/**
 * A point of Halton's sequence in one dimension, with the digits at each position permuted at random (A. B. Owen, 2017, "A
 * randomized Halton algorithm in R", arXiv:1706.02808). Without that, dimensions with large primes depend on each other.
 *
 * @param index - from 0
 * @param base - a prime of its own for each dimension
 * @returns a number in [0, 1)
 */
export function halton(index: number, base: number, seed: number): number {
  let [rest, weight, value] = [index, 1 / base, 0]
  // Also the digits that are zero are permuted, as far as a double has digits.
  for (let position = 0; weight > 2 ** -53; position++) {
    const order = permutation(base, createRandom(seed, base, position))
    value += order[rest % base]! * weight
    rest = Math.floor(rest / base)
    weight /= base
  }
  return Math.min(value, 1 - 2 ** -53)
}

/**
 * Quasi-random search: a Halton sequence with permuted digits, which fills the space more evenly than independent draws. As
 * good a default as there is where nothing is known and runs are in parallel (J. Bergstra, Y. Bengio, 2012, section 5.2).
 */
export function quasiRandom(): Sampler {
  return {
    name: 'quasiRandom',
    options: {},
    learns: false,
    propose: ({ space, index, seed }) => {
      const bases = primes(Object.keys(space).length)
      return assemble(space, (_, parameter, dimension) =>
        fromUnit(parameter, halton(index, bases[dimension]!, seed)),
      )
    },
  }
}
