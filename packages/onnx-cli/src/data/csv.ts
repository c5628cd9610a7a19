import { UsageError } from '../usageError.js'
import type { Table } from './table.js'

/**
 * Reads a table of numbers: separated by commas, semicolons or tabs, one row per line, with or without a line of
 * titles.
 *
 * @param text - the file's contents
 * @param name - the file's name in messages
 * @throws UsageError naming the line that is not numbers, or is longer or shorter than the first
 */
export function readCsv(text: string, name: string): Table {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  const first = lines.find((line) => line.trim() !== '')
  if (first === undefined) throw new UsageError(`${name}: all lines are empty`)
  const separator = [',', ';', '\t'].find((candidate) => cellsOf(first, candidate).length > 1) ?? ','
  const columns = cellsOf(first, separator).length
  const titled = cellsOf(first, separator).some((cell) => Number.isNaN(parse(cell)))

  let rows = 0
  let values = new Float64Array(columns * Math.max(1, lines.length))
  const lineOf = new Uint32Array(lines.length)
  lines.forEach((line, index) => {
    if (line.trim() === '' || (titled && line === first && rows === 0)) return
    const cells = cellsOf(line, separator)
    if (cells.length !== columns) {
      throw new UsageError(`${name}:${index + 1}: ${cells.length} columns, ${columns} in the first line`)
    }
    cells.forEach((cell, column) => {
      const value = parse(cell)
      if (Number.isNaN(value)) {
        throw new UsageError(
          `${name}:${index + 1}: column ${column + 1} is not a number: ${JSON.stringify(cell.slice(0, 40))}${adviceFor(cell)}`,
        )
      }
      values[rows * columns + column] = value
    })
    lineOf[rows++] = index + 1
  })
  if (rows === 0) throw new UsageError(`${name}: titles, and no row of numbers under them`)
  values = values.subarray(0, rows * columns)
  return { rows, columns, values, placeOf: (row) => `${name}:${lineOf[row]}` }
}

/** The cells of a line. Within quotes a separator is text. */
function cellsOf(line: string, separator: string): string[] {
  const parts = line.split(separator)
  if (!line.includes('"')) return parts
  const cells: string[] = []
  let isOpen = false
  for (const part of parts) {
    if (isOpen) cells.push(`${cells.pop()}${separator}${part}`)
    else cells.push(part)
    // Each quote opens or closes; two of them, which stand for one, change nothing.
    isOpen = (cells.at(-1)!.split('"').length - 1) % 2 === 1
  }
  return cells
}

/** What to do about a cell that is not a number. */
function adviceFor(cell: string): string {
  if (/^[\s"]*(na|nan|n\/a|null|none|\?|-)?[\s"]*$/i.test(cell))
    return '; fill in missing values, or leave such rows out'
  if (/^[\s"]*[-+]?\d+,\d+[\s"]*$/.test(cell))
    return '; write a point for a decimal comma, and nothing between thousands'
  return /\p{L}/u.test(cell) ? '; write classes as whole numbers from 0' : ''
}

/** The number in a cell, quoted or not; NaN if there is none. */
function parse(cell: string): number {
  const text = cell.trim().replace(/^"(.*)"$/, '$1')
  return text === '' ? Number.NaN : Number(text)
}
