// Which files of the repository are pages of the site, and where.
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { root } from '../../scripts/workspace.js'

/** @type {readonly [file: RegExp, page: string][]} the first that matches a file counts */
const places = [
  [/^docs\/README\.md$/, 'guide.md'],
  [/^docs\/(.+\.md)$/, '$1'],
  [/^packages\/([^/]+)\/README\.md$/, 'packages/$1.md'],
  [/^examples\/README\.md$/, 'examples.md'],
  [/^examples\/robustness\/results\/README\.md$/, 'robustness.md'],
  [/^CHANGELOG\.md$/, 'changelog.md'],
  [/^CONTRIBUTING\.md$/, 'contributing.md'],
]

/** The sample for the tests, which build it every time, has only the functions of the core in its API. */
const isSample = process.env['SITE_SAMPLE'] !== undefined
const notInSample = /^docs\/api\/(?!(core\/(functions\/)?)?[^/]+\.md$)/

/** Markdown that is no page, as globs from the root. */
export const noPages = [
  ...(isSample ? ['docs/api/!(core)/**/*.md', 'docs/api/core/!(functions)/**/*.md'] : []),
  'README.md',
  'SECURITY.md',
  '{bench,scripts,templates,tests}/**',
  'packages/*/*/**',
  'examples/*/*.md',
]

/**
 * @param {string} file - markdown, from the root
 * @returns {string | undefined} its place on the site, as a markdown file; undefined for a file that is no page
 */
export function pageOf(file) {
  const place = places.find(([pattern]) => pattern.test(file))
  if (place === undefined || (isSample && notInSample.test(file))) return undefined
  // A server takes an address that ends in `.js` for a script.
  return file.replace(place[0], place[1]).replaceAll('.js', '-js')
}

/**
 * The address on the site of what a relative link leads to, if it is there.
 *
 * @param {string} target - a file or folder, from the root
 * @returns {string | undefined} absolute, to a markdown file
 */
export function addressOf(target) {
  // The site's own front page takes the place of the repository's.
  if (target === 'README.md' || target === '.') return '/index.md'
  const file = target.endsWith('.md') ? target : posix.join(target, 'README.md')
  const page = existsSync(join(root, file)) ? pageOf(file) : undefined
  return page === undefined ? undefined : `/${page}`
}
