// npm run docs:leaderboard
//
// Measures the optimisers of other libraries that can be run here, stores the results in docs/conformance/leaderboard, and writes the
// page. Results of optimisers that cannot be run here stay as they were.
import { findSources, measure, updateLeaderboard, writeLeaderboard } from './leaderboard.js'

for (const source of await findSources()) {
  if (source.missing !== undefined) {
    console.log(`${source.name} is left as it was: ${source.missing}`)
    continue
  }
  const summary = await measure(source)
  const count = (/** @type {string} */ status) =>
    summary.conventions.filter((row) => row.status === status).length
  console.log(
    `${source.name}: follows ${count('follows')}, deviates ${count('deviates')}, fails ${count('fails')}`,
  )
  writeLeaderboard(summary)
}
updateLeaderboard()
