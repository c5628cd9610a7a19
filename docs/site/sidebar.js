// The order of the pages in the sidebar.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/workspace.js'
import { pageOf } from './pages.js'

/** @typedef {import('vitepress').DefaultTheme.SidebarItem} SidebarItem */

/** @param {string} folder - from the root */
const pagesIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `${folder}/${name}`)

/** @returns {{ text: string, files: string[], collapsed?: boolean }[]} the guide's sections, with files from the root */
export function sections() {
  const docs = (/** @type {string[]} */ ...names) => names.map((name) => `docs/${name}.md`)
  const packages = readdirSync(join(root, 'packages')).filter((name) =>
    existsSync(join(root, 'packages', name, 'README.md')),
  )
  return [
    { text: 'Start', files: docs('README', 'adapters', 'which-optimizer', 'when-training-goes-wrong', 'checkpoints') },
    {
      text: 'The metric',
      files: [...docs('choosing-xi', 'embeddings'), ...pagesIn('docs/embeddings'), ...docs('per-example')],
    },
    { text: 'Options', files: docs('schedules', 'wrappers', 'performance') },
    { text: 'Packages', files: packages.map((name) => `packages/${name}/README.md`), collapsed: false },
    { text: 'How the adapters work', files: [...pagesIn('docs/adapters'), ...docs('training-artifacts')], collapsed: true },
    { text: 'Bases', files: [...docs('bases', 'writing-a-preconditioner'), ...pagesIn('docs/bases')], collapsed: true },
    {
      text: 'Conformance',
      files: docs('conformance', 'conformance/leaderboard', 'conformance-protocol', 'conformance-data'),
      collapsed: true,
    },
    {
      text: 'Contribute',
      files: [
        ...docs('contributing-an-adapter', 'architecture'),
        'CONTRIBUTING.md',
        'examples/README.md',
        'examples/robustness/results/README.md',
        'CHANGELOG.md',
      ],
      collapsed: true,
    },
  ]
}

/** @param {string} file - markdown, from the root */
function titleOf(file) {
  const [, title = file] = /^# (.+)$/m.exec(readFileSync(join(root, file), 'utf8')) ?? []
  return title.replaceAll('`', '').replace('@induced-metric/', '')
}

/** @param {string} file */
const item = (file) => ({ text: titleOf(file), link: `/${pageOf(file)?.replace(/\.md$/, '')}` })

/** @returns {SidebarItem[]} the sidebar of the guide */
export function guideSidebar() {
  return sections().map(({ files, ...section }) => ({ ...section, items: files.map(item) }))
}

/**
 * The sidebar of the API: its entries, not all of their names, which would make up most of each page.
 *
 * @returns {SidebarItem[]}
 */
export function apiSidebar() {
  const index = join(root, 'docs/api/index.md')
  if (!existsSync(index)) return []
  const entries = [...readFileSync(index, 'utf8').matchAll(/^- \[(.+)\]\((.+)\/index\.md\)$/gm)]
  const items = entries.map(([, text = '', path = '']) => ({ text, link: `/api/${path.replaceAll('.js', '-js')}/` }))
  return [{ text: 'API', link: '/api/', items }]
}
