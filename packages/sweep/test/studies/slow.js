// Runs that take a while, and write a line into the file LOG names when they come to their end.
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineStudy, integer } from '@induced-metric/sweep'

export default defineStudy({
  space: { number: integer(0, 1_000_000) },
  metric: 'loss',
  budget: { trials: Number(process.env['TRIALS'] ?? 10) },
  seeds: 2,
  async run({ hyperparameters: { number }, seed, report }) {
    report({ loss: 1 / (1 + number) })
    await sleep(Number(process.env['MILLISECONDS'] ?? 20))
    if (process.env['LOG'] !== undefined) appendFileSync(process.env['LOG'], `${number} ${seed}\n`)
    if (process.env['FAIL'] === String(seed)) throw new Error('it was asked to')
    return Math.sin(number) / seed
  },
})
