import type { Table } from '../terminal/summary.js'

/** Text that is escaped for HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]!)
}

/** A table with a caption; the first cell of each row is its heading. Cells of `swatches` get the colour of that series. */
export function tableHtml(
  caption: string,
  { headings, rows, figures }: Table,
  swatches: readonly string[] = [],
): string {
  const kind = (column: number): string => (figures[column] === true ? ' class="figure"' : '')
  const head = headings.map((heading, column) => `<th scope="col"${kind(column)}>${escapeHtml(heading)}</th>`)
  const body = rows.map((cells, row) => {
    const swatch = swatches[row] === undefined ? '' : swatchHtml(swatches[row])
    const [first = '', ...rest] = cells
    const others = rest.map((cell, column) => `<td${kind(column + 1)}>${escapeHtml(cell)}</td>`)
    return `<tr><th scope="row">${swatch}${escapeHtml(first)}</th>${others.join('')}</tr>`
  })
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${head.join('')}</tr></thead>
<tbody>
${body.join('\n')}
</tbody></table></div>`
}

/** A short stroke in the colour and dashes of a series. */
export function swatchHtml(id: string): string {
  return `<svg class="swatch series s-${id}" viewBox="0 0 22 8" aria-hidden="true"><path d="M1 4H21"/></svg>`
}

/** A legend whose boxes show and hide the series of the section around it. */
export function legendHtml(
  section: string,
  entries: readonly { readonly id: string; readonly title: string }[],
): string {
  const items = entries.map(
    ({ id, title }) =>
      `<label><input type="checkbox" checked id="${section}-${id}">${swatchHtml(id)}${escapeHtml(title)}</label>`,
  )
  return `<fieldset class="legend"><legend>Show</legend>${items.join('')}</fieldset>`
}

/** The rules that make a legend's boxes work, without a script. */
export function legendCss(section: string, ids: readonly string[]): string {
  return ids
    .map((id) => `#${section}:has(#${section}-${id}:not(:checked)) .chart .s-${id}{display:none}`)
    .join('\n')
}
