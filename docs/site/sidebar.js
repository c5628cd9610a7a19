// The order of the pages in the sidebar.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/workspace.js'
import { addressOf, pageOf } from './pages.js'

/** @typedef {import('vitepress').DefaultTheme.SidebarItem} SidebarItem */

/** @param {string} folder - from the root */
const pagesIn = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `${folder}/${name}`)

/**
 * The sections of the sidebars, by the addresses that they are beside. Sections that fold would be controls in controls, which not
 * everybody can use; so the lists that are long have a sidebar of their own.
 *
 * @returns {Record<string, { text: string, files: string[] }[]>} files from the root
 */
export function sections() {
  const docs = (/** @type {string[]} */ ...names) => names.map((name) => `docs/${name}.md`)
  const packages = readdirSync(join(root, 'packages')).filter((name) =>
    existsSync(join(root, 'packages', name, 'README.md')),
  )
  return {
    '/bases': [
      { text: 'Bases', files: [...docs('bases', 'writing-a-preconditioner'), ...pagesIn('docs/bases')] },
    ],
    '/': [
      {
        text: 'Start',
        files: docs(
          'README',
          'playground',
          'adapters',
          'which-optimizer',
          'evidence',
          'when-training-goes-wrong',
          'checkpoints',
          'bases',
        ),
      },
      {
        text: 'The metric',
        files: [...docs('choosing-xi', 'embeddings'), ...pagesIn('docs/embeddings'), ...docs('per-example')],
      },
      {
        text: 'Options',
        files: docs('schedules', 'wrappers', 'writing-a-preconditioner', 'performance', 'benchmark'),
      },
      { text: 'Further uses', files: docs('transformers', 'gpu', 'federated', 'sweeps') },
      { text: 'Recipes', files: pagesIn('docs/recipes') },
      { text: 'Packages', files: packages.map((name) => `packages/${name}/README.md`) },
      {
        text: 'How the adapters work',
        files: [...pagesIn('docs/adapters'), ...docs('training-artifacts', 'fine-tuning')],
      },
      {
        text: 'Conformance',
        files: docs('conformance', 'conformance/leaderboard', 'conformance-protocol', 'conformance-data'),
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
      },
    ],
  }
}

/** @param {string} file - markdown, from the root */
function titleOf(file) {
  const [, title = file] = /^# (.+)$/m.exec(readFileSync(join(root, file), 'utf8')) ?? []
  return title.replaceAll('`', '').replace('@induced-metric/', '')
}

/** @param {string} file */
const item = (file) => ({ text: titleOf(file), link: `/${pageOf(file)?.replace(/\.md$/, '')}` })

/**
 * The sidebar of the API: its entries, not all of their names, which would make up most of each page.
 *
 * @returns {SidebarItem[]}
 */
function apiSidebar() {
  const index = join(root, 'docs/api/index.md')
  if (!existsSync(index)) return []
  const entries = [...readFileSync(index, 'utf8').matchAll(/^- \[(.+)\]\((.+)\/index\.md\)$/gm)]
  const items = entries.flatMap(([, text = '', path = '']) => {
    const address = addressOf(`docs/api/${path}/index.md`)
    return address === undefined ? [] : [{ text, link: address.replace(/index\.md$/, '') }]
  })
  return [{ text: 'API', link: '/api/', items }]
}

/** @returns {Record<string, SidebarItem[]>} every sidebar by the addresses that it is beside */
export function sidebars() {
  const guide = Object.entries(sections()).map(([address, list]) => {
    const items = list.map(({ text, files }) => ({ text, items: files.map(item) }))
    return /** @type {const} */ ([address, items])
  })
  return { '/api/': apiSidebar(), ...Object.fromEntries(guide) }
}
