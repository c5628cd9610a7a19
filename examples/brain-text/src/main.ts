import { learn, leastLoss, rhyme, type Gradients } from './rhyme.js'

const seeds = [1, 2, 3, 4, 5]

console.log(
  `A GRU of brain.js learns ${rhyme.length} lines, character by character, from ${seeds.length} seeds.`,
)
console.log(`The minimum of the loss: ${leastLoss.toFixed(3)} a character.\n`)
for (const gradients of ['stock', 'exact'] satisfies Gradients[]) {
  const results = seeds.map((seed) => learn(gradients, seed))
  const losses = results.map(({ loss }) => loss.toFixed(3)).join('  ')
  const lines = results.map(({ recited }) => recited).join(' ')
  console.log(`${gradients} gradients: loss ${losses};  lines recited ${lines}`)
}
