/** Restarts Math.random, from which frameworks draw initial weights and orders (Park and Miller's generator). */
export function seedRandom(seed: number): void {
  let state = (seed * 69_621 + 12_345) % 2_147_483_647
  Math.random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}
