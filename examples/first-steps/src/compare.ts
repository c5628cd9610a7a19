import { adam, heavyBall, inducedMetric, rateFree } from '@induced-metric/core'

import type { Choice, Task } from './task.js'
import { characters, charactersBriefly } from './tasks/characters.js'
import { digits } from './tasks/digits.js'
import { iris } from './tasks/iris.js'
import { polynomial } from './tasks/polynomial.js'
import { countStuck, xor } from './tasks/xor.js'

/** The five tasks, each as in its public example, and one of them again, stopped early. */
export const tasks: readonly Task[] = [xor, iris, digits, characters, charactersBriefly, polynomial]

/** Adam's constant rates, of which the best is shown. */
const rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]

/** Our optimisers, as in the README, without a number to choose. */
export const recipes = {
  'rateFree(adam(), { steps })': { induced: (steps) => rateFree(adam(), { steps }) },
  'rateFree(adam())': { induced: () => rateFree(adam()) },
} satisfies Readonly<Record<string, Choice>>

/** The results of a task, as means over seeds. */
export interface Comparison {
  readonly task: Task
  readonly own: number
  readonly recipes: readonly number[]
  /** The best of Adam's constant rates, chosen on the same runs that are shown; only where it was requested. */
  readonly swept?: { readonly rate: number; readonly result: number }
}

/** Trains a task with its own optimiser and with ours, and on request with Adam at six rates. */
export async function compare(task: Task, seeds: number, sweep = false): Promise<Comparison> {
  const own = await meanOf(task, 'own', seeds)
  const results: number[] = []
  for (const choice of Object.values(recipes)) results.push(await meanOf(task, choice, seeds))
  if (!sweep) return { task, own, recipes: results }
  let swept = { rate: Number.NaN, result: Infinity }
  for (const rate of rates) {
    const induced = () => inducedMetric(adam(), { learningRate: rate, xi: 0 })
    const result = await meanOf(task, { induced }, seeds)
    if (result < swept.result) swept = { rate, result }
  }
  return { task, own, recipes: results, swept }
}

async function meanOf(task: Task, choice: Choice, seeds: number): Promise<number> {
  let sum = 0
  for (let seed = 1; seed <= seeds; seed++) sum += await task.train(choice, seed)
  return sum / seeds
}

/** Comparisons as the lines of a Markdown table. */
export function formatComparisons(comparisons: readonly Comparison[]): string {
  const isSwept = comparisons.some(({ swept }) => swept)
  const headings = [
    '',
    'measured',
    "the example's own",
    '',
    ...Object.keys(recipes),
    ...(isSwept ? ['best Adam of six rates'] : []),
  ]
  const rows = comparisons.map(({ task, own, recipes: ours, swept }) => [
    task.title,
    task.measure,
    task.own,
    figure(own),
    ...ours.map(figure),
    ...(swept ? [`${figure(swept.result)} (${swept.rate})`] : []),
  ])
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n')
}

const figure = (value: number): string => String(Number(value.toPrecision(3)))

/** The initial weights from which a very small network does not learn exclusive or, as a Markdown table. */
export function tableOfStuck(seeds = 100): string {
  const plain = (learningRate: number) => ({
    induced: () => inducedMetric(adam(), { learningRate, xi: 0 }),
  })
  const choices: readonly (readonly [string, Choice])[] = [
    ["brain.js's SGD", 'own'],
    ['Adam, rate .03', plain(0.03)],
    ['Adam, rate .1', plain(0.1)],
    ...Object.entries(recipes),
    ['rateFree(adam(), { learningRate: 0.03 })', { induced: () => rateFree(adam(), { learningRate: 0.03 }) }],
    [
      'rateFree(heavyBall(), { learningRate: 10 })',
      { induced: () => rateFree(heavyBall(), { learningRate: 10 }) },
    ],
  ]
  const rows = choices.map(([title, choice]) => {
    const cells = [1, patterns].map((batchSize) => {
      // Its own update has no batches.
      if (choice === 'own' && batchSize > 1) return '—'
      const { stuck, median } = countStuck(choice, batchSize, seeds)
      return `${stuck} (${median})`
    })
    return `| ${[title, ...cells].join(' | ')} |`
  })
  const headings = [`stuck of ${seeds} (median of iterations)`, 'a pattern a step', 'all four a step']
  return [`| ${headings.join(' | ')} |`, '| --- | --- | --- |', ...rows].join('\n')
}

/** Of exclusive or. */
const patterns = 4
