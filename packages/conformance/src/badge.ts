import type { ConformanceReport } from './report.js'

/** The label, the message and the color of a badge. */
export interface Badge {
  readonly label: string
  readonly message: string
  readonly color: 'brightgreen' | 'red' | 'lightgrey'
}

/**
 * A badge for a report, with the version of the suite: `suite 3 | 2311 passed`. A report of a part of the suite, which shows no conformance, is
 * grey.
 */
export function badgeOf({ totals, version, filter }: ConformanceReport): Badge {
  const label = `induced-metric suite ${version}`
  const { passed, failed, 'not-supported-as-declared': refused } = totals
  if (filter !== undefined) return { label, message: `${passed} of a part passed`, color: 'lightgrey' }
  if (failed > 0) return { label, message: `${failed} failed`, color: 'red' }
  const message = refused === 0 ? `${passed} passed` : `${passed} passed, ${refused} not supported`
  return { label, message, color: 'brightgreen' }
}

/** The badge as JSON, in the form of shields.io's endpoint. */
export function badgeJson(badge: Badge): string {
  return `${JSON.stringify({ schemaVersion: 1, ...badge })}\n`
}

const fills: Readonly<Record<Badge['color'], string>> = {
  brightgreen: '#2c7a2c',
  red: '#b3261e',
  lightgrey: '#666666',
}

/** The badge as an image, which needs no service. */
export function badgeSvg({ label, message, color }: Badge): string {
  // Verdana at 11 pixels has some 6.6 a character; `textLength` makes it fit exactly.
  const [left, right] = [label, message].map((text) => Math.round(6.6 * text.length) + 12) as [number, number]
  const text = (words: string, x: number, width: number): string =>
    `<text x="${x + 6}" y="14" textLength="${width - 12}">${words}</text>`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="20" role="img" aria-label="${label}: ${message}">`,
    `<title>${label}: ${message}</title>`,
    `<rect width="${left}" height="20" fill="#444444"/><rect x="${left}" width="${right}" height="20" fill="${fills[color]}"/>`,
    `<g fill="#ffffff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">`,
    `${text(label, 0, left)}${text(message, left, right)}</g></svg>`,
    '',
  ].join('\n')
}
