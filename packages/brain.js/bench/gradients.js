// The gradients of every class of brain.js beside finite differences: `npm run gradients` in this package, after
// `npm run build` at the top. Prints a table for the docs.
import { compareGradients, subjectsOf } from '../test/support/gradients.js'
import { versions } from '../test/support/brain.js'

const seeds = [1, 2, 3, 4, 5]

/** @param {readonly number[]} numbers */
const worst = (numbers) => Math.max(...numbers)

/** @param {number} error */
function format(error) {
  return error < 1e-3 ? error.toExponential(0) : `${(100 * error).toPrecision(2)} %`
}

for (const version of versions) {
  const { dense, recurrent, stale } = subjectsOf(version)
  console.log(`\nbrain.js ${version.version}\n`)
  console.log('| class | its own gradient | with exactGradients |\n|---|---|---|')
  for (const subject of [...dense, ...recurrent, ...stale]) {
    const errors = seeds.map((seed) => compareGradients(subject, seed))
    const [stock, exact] = [errors.map(({ stock }) => stock), errors.map(({ exact }) => exact)]
    console.log(`| ${subject.name} | ${format(worst(stock))} | ${format(worst(exact))} |`)
  }
}
console.log(
  `\nRelative to finite differences of the loss, in the Euclidean norm; the worst of ${seeds.length} draws of weights.`,
)
