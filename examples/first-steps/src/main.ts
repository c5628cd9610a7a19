import { parseArgs } from 'node:util'

import { compare, formatComparisons, tableOfStuck, tasks, type Comparison } from './compare.js'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '3' }, sweep: { type: 'boolean', default: false } },
})
const comparisons: Comparison[] = []
for (const task of tasks) {
  console.log(`${task.title} …`)
  comparisons.push(await compare(task, Number(values.seeds), values.sweep))
}
console.log(`\n${formatComparisons(comparisons)}`)
console.log(`\n${tableOfStuck()}`)
