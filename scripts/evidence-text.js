// Tables and numbers of the page of the evidence.

/**
 * @param {readonly string[]} headings
 * @param {readonly (readonly string[])[]} rows
 */
export function table(headings, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n')
}

/**
 * A number without the zero before its point, as in the other tables.
 *
 * @param {number | undefined} value
 * @param {number} [digits] - after the point
 */
export function share(value, digits = 4) {
  if (value === undefined || Number.isNaN(value)) return ''
  return value.toFixed(digits).replace(/^(-?)0\./, '$1.')
}

/**
 * A difference of shares, with its sign.
 *
 * @param {number} value
 * @param {number} [digits] - after the point
 */
export function signedShare(value, digits = 5) {
  return `${value < 0 ? '−' : '+'}${share(Math.abs(value), digits)}`
}
