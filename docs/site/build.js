// npm run docs:build
//
// Builds the site into docs/.vitepress/dist. `--if-changed` builds a part only if its sources have changed since the last time; `api` writes
// only the pages of the API, docs/api; `sample` builds a smaller site for the tests.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { listFiles, root } from '../../scripts/workspace.js'

/**
 * @param {RegExp} pattern - of paths from the root
 * @returns {string} a digest of these files, and of the variables that a build reads
 */
function digestOf(pattern) {
  const hash = createHash('sha256').update(
    JSON.stringify([process.env['SOURCE_URL'], process.env['DOCS_BASE']]),
  )
  for (const file of listFiles().filter((file) => pattern.test(file)))
    hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

/**
 * Builds one part of the site, unless it is up to date.
 *
 * @param {string} part - a name
 * @param {{ result: string, sources: RegExp, always: boolean, build: () => void | Promise<void> }} options
 */
async function make(part, { result, sources, always, build }) {
  const stamp = join(root, 'docs/.vitepress/cache', `${part}.txt`)
  const digest = digestOf(sources)
  if (!always && existsSync(result) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return
  rmSync(stamp, { force: true })
  await build()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, digest)
}

/** @param {boolean} always - also when nothing has changed */
async function buildApi(always) {
  await make('api', {
    result: join(root, 'docs/api/index.md'),
    sources:
      /^(docs\/site\/(api|gaps|tsconfig)|scripts\/workspace\.js|package-lock\.json|packages\/[^/]+\/(src\/|package\.json))/,
    always,
    build: async () => (await import('./api.js')).writeApiPages(),
  })
}

/**
 * @param {boolean} always - also when nothing has changed
 * @param {{ name: string, folder: string, env?: Record<string, string> }} variant
 */
async function buildSite(always, { name, folder, env = {} }) {
  await buildApi(always)
  await make(name, {
    result: join(root, folder, 'index.html'),
    sources:
      /^(docs\/|.*\.md$|examples\/mnist\/src\/|scripts\/workspace\.js|package-lock\.json|packages\/[^/]+\/(src\/|package\.json))/,
    always,
    build() {
      const vitepress = join(root, 'node_modules/.bin/vitepress')
      const { status } = spawnSync(vitepress, ['build', 'docs', '--outDir', join(root, folder)], {
        cwd: root,
        env: { ...process.env, ...env },
        stdio: 'inherit',
      })
      if (status !== 0) throw new Error('the site could not be built')
    },
  })
}

const whole = { name: 'site', folder: 'docs/.vitepress/dist' }
const sample = { name: 'sample', folder: 'docs/.vitepress/cache/sample', env: { SITE_SAMPLE: 'true' } }
const always = !process.argv.includes('--if-changed')
if (process.argv.includes('api')) await buildApi(always)
else await buildSite(always, process.argv.includes('sample') ? sample : whole)
