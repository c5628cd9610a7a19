import { descendAll } from './descend.js'
import { formatCells, formatTable } from './table.js'
import { runTrials, trialTable } from './trials.js'

const descents = descendAll()
console.log(formatTable(descents))

const chaotic = descents.filter(({ row }) => row.chaotic !== undefined)
const steady = descents.filter(({ row }) => row.chaotic === undefined)
const reproduced = steady.filter((descent) => descent.reproduced)
console.log(
  `\n${reproduced.length} of ${steady.length} runs give the published steps and three digits of the last value.`,
)
console.log(`The other ${chaotic.length} depend on the last bit of rounding:`)
for (const { row, testFunction } of chaotic)
  console.log(`  ${testFunction.title}, ${row.optimizer}: ${row.chaotic}`)

console.log(`
Steps where ξ is tied to the learning rate η, which is the only number given; these are no published runs (never: the last value)`)
const { headings, rows } = trialTable(runTrials())
console.log(formatCells(headings, rows, (column) => column >= 2))
if (reproduced.length < steady.length) process.exitCode = 1
