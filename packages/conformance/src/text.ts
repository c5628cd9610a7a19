/**
 * Formats rows of cells as lines of text with aligned columns.
 *
 * @param align - the alignment of each column
 */
export function renderTable(
  rows: readonly (readonly string[])[],
  align: readonly ('start' | 'end')[],
): string[] {
  const widths = align.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        align[column] === 'start' ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
}
