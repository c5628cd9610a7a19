import { defineConfig } from 'vitepress'
import { digitsPlugin } from '../site/digits.js'
import { diagramsPlugin } from '../site/diagrams.js'
import { shortenHashMap } from '../site/hashMap.js'
import { includePlugin } from '../site/include.js'
import { leanPlugin } from '../site/lean.js'
import { linksPlugin } from '../site/links.js'
import { leanStylePlugin, minifyPlugin } from '../site/minify.js'
import { noPages, pageOf } from '../site/pages.js'
import { addPolicy } from '../site/policy.js'
import { renderForSearch } from '../site/search.js'
import { sidebars } from '../site/sidebar.js'
import { slugify } from '../site/slug.js'
import { tablesPlugin } from '../site/tables.js'
import { tabsPlugin } from '../site/tabs.js'

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M3 7c4 22 8 22 13 8s7-6 13 4" fill="none" stroke="%231f6feb" stroke-width="4" stroke-linecap="round"/></svg>`

/** Where the code is, if it is anywhere: the workflow that deploys sets it. */
const repository = process.env['SOURCE_URL']?.replace(/\/blob\/.*$/, '')

export default defineConfig({
  // The READMEs of the packages are pages too.
  srcDir: '..',
  srcExclude: noPages,
  rewrites: (file) => pageOf(file) ?? file,
  base: process.env['DOCS_BASE'] ?? '/',
  lang: 'en-GB',
  title: 'Induced metric',
  description: 'Optimisers for JavaScript machine learning that use the loss landscape’s induced metric',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${icon.replaceAll('"', "'")}` }]],
  metaChunk: true,
  buildEnd: shortenHashMap,
  // A visitor who reads one page pays for one.
  router: { prefetchLinks: false },
  transformHtml: addPolicy,
  markdown: {
    anchor: { slugify },
    // Others have colours that are too pale to read.
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config(md) {
      md.use(includePlugin).use(linksPlugin).use(tablesPlugin).use(diagramsPlugin).use(tabsPlugin)
    },
  },
  vite: {
    // Neither the theme nor the playground has components with Vue's older interface.
    define: { __VUE_OPTIONS_API__: 'false' },
    // Older browsers lack what the playground needs anyway, and code for them is longer.
    build: { target: 'es2022', minify: false },
    // The root has no pages of its own kind for Vite to scan.
    optimizeDeps: { entries: [] },
    // The playground runs the packages' sources.
    resolve: { conditions: ['@induced-metric/source'] },
    plugins: [digitsPlugin(), leanPlugin(), minifyPlugin(), leanStylePlugin()],
    worker: { format: 'es', plugins: () => [digitsPlugin(), minifyPlugin()] },
    server: { watch: { ignored: ['**/node_modules/**', '**/dist/**', '**/tests/.snippets/**'] } },
  },
  themeConfig: {
    search: { provider: 'local', options: { _render: renderForSearch } },
    nav: [
      { text: 'Guide', link: '/guide', activeMatch: '^/(guide|which|choosing|embeddings)' },
      { text: 'Frameworks', link: '/adapters', activeMatch: '^/(adapters|packages)' },
      { text: 'Bases', link: '/bases', activeMatch: '^/bases' },
      { text: 'Playground', link: '/playground' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
      ...(repository === undefined ? [] : [{ text: 'Source', link: repository }]),
    ],
    sidebar: sidebars(),
    outline: { level: [2, 3] },
    externalLinkIcon: false,
  },
})
