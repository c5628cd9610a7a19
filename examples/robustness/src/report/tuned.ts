import type { Run } from '../run.js'
import type { Task } from '../tasks/task.js'
import { pointsOf, type Point } from './summary.js'
import { lossText, rateText } from './tables.js'

const TUNED = 'adam-linear'
const FREE = 'rate-free'
/** The range of caps over which the result should be flat. */
const FLAT = [0.001, 100] as const

/** A task and its runs. */
export interface Section {
  readonly task: Task
  readonly runs: readonly Run[]
}

/** Compares `rateFree` at its default rate with the best of Adam's rates with a linear decay; `undefined` where there are no such runs. */
export function tunedTable(sections: readonly Section[]): string | undefined {
  const rows = sections.flatMap(({ task, runs }) => {
    const tuned = pointsOf(runs, TUNED)
    const free = pointsOf(runs, FREE)
    const chosen = free.find(({ rate }) => rate === 1)
    if (tuned.length === 0 || chosen === undefined) return []
    const best = tuned.reduce((best, point) => (point.loss < best.loss ? point : best))
    return [
      [task.title, ...textsOf(best), lossText(chosen.loss), percent(chosen.loss / best.loss), others(free)],
    ]
  })
  if (rows.length === 0) return undefined
  const heads = [
    '',
    'Adam, linear decay',
    'its best rate',
    'rateFree, η = 1',
    'difference',
    `from η = ${rateText(FLAT[0])} to ${FLAT[1]}`,
  ]
  return [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function textsOf({ loss, rate }: Point): string[] {
  return [lossText(loss), rateText(rate)]
}

/** The range of the final losses over all caps of the range. */
function others(points: readonly Point[]): string {
  const losses = points.filter(({ rate }) => rate >= FLAT[0] && rate <= FLAT[1]).map(({ loss }) => loss)
  return losses.length < 2 ? '' : `${lossText(Math.min(...losses))} to ${lossText(Math.max(...losses))}`
}

function percent(ratio: number): string {
  const change = Math.round((ratio - 1) * 100)
  return `${change < 0 ? '−' : '+'}${Math.abs(change)} %`
}
