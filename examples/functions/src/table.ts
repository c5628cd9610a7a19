import { threeDigits, type Descent } from './descend.js'
import { optimizerTitles } from './optimizers.js'

const HEADINGS = ['Function', 'Optimiser', 'steps', 'published', 'value', 'published', 'same?']

/** The runs as lines of text, with the published figures beside them. */
export function formatTable(descents: readonly Descent[]): string {
  const body = descents.map(({ row, testFunction, iterations, finalValue, reproduced }) => [
    testFunction.title,
    optimizerTitles[row.optimizer],
    `${iterations ?? 'never'}`,
    `${row.published.iterations ?? 'never'}`,
    threeDigits(finalValue),
    row.published.value,
    reproduced ? 'yes' : row.chaotic === undefined ? 'NO' : 'chaotic',
  ])
  return formatCells(HEADINGS, body, (column) => column >= 2 && column <= 5)
}

/** Cells as lines of text; columns of figures align to the right. */
export function formatCells(
  headings: readonly string[],
  body: readonly (readonly string[])[],
  isFigure: (column: number) => boolean,
): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...body.map((cells) => cells[column]!.length)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        isFigure(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return [line(headings), widths.map((width) => '-'.repeat(width)).join('  '), ...body.map(line)].join('\n')
}
