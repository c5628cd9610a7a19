// VitePress sends every visitor a list of all pages with the digests in their files' names. The API has most of the pages, and few visitors go
// there: they get the list of all pages, hashmap.json, when they do, as after a deployment that has changed the names.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @param {string} script - what VitePress makes of the list and of the site's settings
 * @returns {string} the script without the pages of the API
 * @throws Error for a script of another form
 */
export function withoutApi(script) {
  const [, before = '', text, after = ''] =
    /^(window\.__VP_HASH_MAP__=JSON\.parse\()("(?:[^"\\]|\\.)*")(\);[^]*)$/.exec(script) ?? []
  if (text === undefined)
    throw new Error('VitePress writes its list of pages in another form: see docs/site/hashMap.js')
  /** @type {[page: string, hash: string][]} */
  const pages = Object.entries(JSON.parse(JSON.parse(text)))
  const kept = Object.fromEntries(pages.filter(([page]) => !page.startsWith('api_')))
  return `${before}${JSON.stringify(JSON.stringify(kept))}${after}`
}

/**
 * Shortens the list of a built site.
 *
 * @param {{ outDir: string, assetsDir: string }} site
 */
export function shortenHashMap({ outDir, assetsDir }) {
  const folder = join(outDir, assetsDir, 'chunks')
  for (const name of readdirSync(folder).filter((name) => name.startsWith('metadata.'))) {
    const file = join(folder, name)
    writeFileSync(file, withoutApi(readFileSync(file, 'utf8')))
  }
}
