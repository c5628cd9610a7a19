// Links between markdown files are relative, so that they work on a code host. On the site they lead to pages, or back to the host.
import { posix, relative } from 'node:path'
import { root } from '../../scripts/workspace.js'
import { addressOf } from './pages.js'

/** @typedef {import('vitepress').MarkdownRenderer} MarkdownRenderer */

/** Where files are that are not on the site, such as `https://host/owner/repository/blob/main`. The workflow that deploys sets it. */
const sourceUrl = process.env['SOURCE_URL']

/**
 * @param {string} file - that has the link, from the root
 * @param {string} href - the link, relative
 * @param {string | undefined} host - where the files of the repository are
 * @returns {string | undefined} the link on the site; undefined where it leads nowhere
 */
export function siteLink(file, href, host = sourceUrl) {
  if (/^([a-z][a-z+.-]*:|#|\/)/i.test(href)) return href
  const [path = '', anchor] = href.split('#')
  const hash = anchor === undefined ? '' : `#${anchor}`
  const target = posix.join(posix.dirname(file), decodeURI(path)).replace(/\/$/, '')
  const address = addressOf(target)
  if (address !== undefined) return `${address}${hash}`
  return host === undefined ? undefined : `${host}/${target}${hash}`
}

/**
 * The file of a page that is rendered, from the root; undefined where VitePress renders no page but a title.
 *
 * @param {{ path?: string, realPath?: string }} env - VitePress tells the file by `realPath`, and in its search by `path`
 */
export function fileOf(env) {
  const path = env.realPath ?? env.path
  return path === undefined ? undefined : relative(root, path).replaceAll('\\', '/')
}

/**
 * Leads the links of a page to pages of the site. One that leads nowhere becomes plain text.
 *
 * @param {MarkdownRenderer} md
 */
export function linksPlugin(md) {
  md.core.ruler.push('site-links', (state) => {
    const file = fileOf(state.env)
    if (file === undefined) return
    for (const { children } of state.tokens) {
      let isDropped = false
      for (const token of children ?? []) {
        if (token.type === 'link_open') {
          const href = siteLink(file, String(token.attrGet('href')))
          isDropped = href === undefined
          if (href !== undefined) token.attrSet('href', href)
        }
        if (isDropped && /^link_(open|close)$/.test(token.type)) {
          Object.assign(token, { type: token.type.replace('link', 'text'), tag: 'span', attrs: null })
        }
      }
    }
  })
}
