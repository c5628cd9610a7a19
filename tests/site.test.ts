import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { drawFlowchart } from '../docs/site/diagrams.js'
import { findGaps } from '../docs/site/gaps.js'
import { withoutApi } from '../docs/site/hashMap.js'
import { includeParts } from '../docs/site/include.js'
import { siteLink } from '../docs/site/links.js'
import { leanStyle } from '../docs/site/minify.js'
import { pageOf } from '../docs/site/pages.js'
import { addPolicy } from '../docs/site/policy.js'
import { sections } from '../docs/site/sidebar.js'
import { listFiles, root } from '../scripts/workspace.js'

// How the markdown of the repository becomes a site. tests/site.browser.test.ts looks at the built site.

describe('the sidebar', () => {
  const listed = new Set(Object.values(sections()).flatMap((list) => list.flatMap(({ files }) => files)))

  it('lists pages that there are', () => {
    expect([...listed].filter((file) => !existsSync(join(root, file)) || pageOf(file) === undefined)).toEqual(
      [],
    )
  })

  it('leaves out no page but the front page', () => {
    const pages = listFiles().filter((file) => file.endsWith('.md') && pageOf(file) !== undefined)
    expect(pages.filter((file) => !listed.has(file))).toEqual(['docs/index.md'])
  })
})

describe('links', () => {
  const host = 'https://host.example/owner/repository/blob/main'
  it.each([
    ['docs/bases/adam.md', '../README.md#the-options', '/guide.md#the-options'],
    ['docs/bases/adam.md', 'nadam.md', '/bases/nadam.md'],
    ['docs/README.md', '../packages/tfjs', '/packages/tfjs.md'],
    ['docs/README.md', '../packages/brain.js/README.md#gradients', '/packages/brain-js.md#gradients'],
    ['docs/index.md', '../README.md', '/index.md'],
    ['packages/tfjs/README.md', '../../docs/checkpoints.md', '/checkpoints.md'],
    ['docs/README.md', '#the-words', '#the-words'],
    ['docs/README.md', 'https://arxiv.org/abs/2509.03594', 'https://arxiv.org/abs/2509.03594'],
    ['docs/README.md', '../scripts/bases', `${host}/scripts/bases`],
    ['CONTRIBUTING.md', 'templates/adapter', `${host}/templates/adapter`],
  ])('in %s, %s leads to %s', (file, href, expected) => {
    expect(siteLink(file, href, host)).toBe(expected)
  })

  it('lead nowhere where the files of the repository are on no host', () => {
    expect(siteLink('docs/README.md', '../scripts/bases', undefined)).toBeUndefined()
  })
})

describe('a page that shows a part of another', () => {
  it('has its text, with links from where it is shown', () => {
    const text = includeParts(
      'a\n\n[here](../README.md#use-it) <!-- shows: frameworks -->\n\nb',
      'docs/index.md',
    )
    expect(text).toMatch(
      /^a\n\n[\s\S]*### TensorFlow\.js[\s\S]*\[more\]\(\.\.\/packages\/tfjs\)[\s\S]*\n\nb$/,
    )
    expect(text).toContain('(../docs/training-artifacts.md)')
    expect(text).not.toContain('## Test an adapter')
  })

  it('must name a part that there is', () => {
    const text = '[here](../README.md) <!-- shows: nothing -->'
    expect(() => includeParts(text, 'docs/index.md')).toThrow('README.md has no part nothing')
  })

  it('finds all that the front page shows', () => {
    const text = readFileSync(join(root, 'docs/index.md'), 'utf8')
    expect(includeParts(text, 'docs/index.md')).not.toContain('<!-- shows:')
  })
})

describe('the API', () => {
  const declaration = (name: string, isDocumented: boolean) =>
    ({ name, parent: { name: 'core' }, isReference: () => false, hasComment: () => isDocumented }) as never

  it('has a gap for a name without a page, without a comment, or that typedoc does not know', () => {
    const declarations = [declaration('adam', true), declaration('root', false), declaration('log', true)]
    const pages = ['core/variables/adam.md', 'core/variables/root.md', 'tfjs/variables/log.md']
    expect(findGaps('core', ['adam', 'root', 'log', 'muon'], declarations, pages)).toEqual([
      'core: root has no doc comment',
      'core: log has no page',
      'core: muon has no page',
    ])
  })
})

it('the policy of a page allows its own inline scripts, and no others', () => {
  const page =
    '<meta charset="utf-8"><script>one()</script><script src="a.js"></script><script id="x">two()</script>'
  const [, policy = ''] = /content="([^"]*)"/.exec(addPolicy(page)) ?? []
  expect(policy.match(/'sha256-[^']{44}'/g)).toHaveLength(2)
  expect(policy).not.toMatch(/'unsafe-eval'|script-src[^;]*unsafe-inline/)
})

it('the list of pages that every visitor gets has none of the API', () => {
  const list = (pages: object) =>
    `window.__VP_HASH_MAP__=JSON.parse(${JSON.stringify(JSON.stringify(pages))});rest("x");`
  const pages = { 'api_core_adam.md': 'a1', 'api_index.md': 'b2', 'bases_adam.md': 'c"3' }
  expect(withoutApi(list(pages))).toBe(list({ 'bases_adam.md': 'c"3' }))
  expect(() => withoutApi('window.__VP_SITE_DATA__={}')).toThrow('in another form')
})

describe('the style of the site', () => {
  const lean = (style: string, ...words: string[]) => leanStyle(style, new Set(words))

  it('has the classes that there are, and those that can be put together', () => {
    const style = '.a .b{top:0}.level-2{top:1px}.fade-enter-to{top:2px}.c,.d{top:3px}p{top:4px}'
    expect(lean(style, 'a', 'level-', '-enter-to')).toBe('.level-2{top:1px}.fade-enter-to{top:2px}p{top:4px}')
    expect(lean(style, 'a', 'b', 'c')).toBe('.a .b{top:0}.c,.d{top:3px}p{top:4px}')
  })

  it('has the variables that are read, also by one another', () => {
    const style = ':root{--a:var(--b);--b:1px;--c:var(--d);--d:2px;--e:3px}p{top:var(--a)}'
    expect(lean(style, '--e')).toBe(':root{--a:var(--b);--b:1px;--e:3px}p{top:var(--a)}')
  })
})

describe('a flowchart', () => {
  it('is drawn, from the top down, and said in words', () => {
    const drawing = drawFlowchart('flowchart TD\n  a["one & two"]\n  b["three"]\n  a --> b')
    expect(drawing).toContain('aria-label="one &amp; two → three"')
    const [above, below] = [...drawing.matchAll(/<text x="[\d.]+" y="([\d.]+)">/g)].map(([, y]) => Number(y))
    expect(above).toBeLessThan(below!)
    expect(drawing.match(/<path[^>]*marker-end/g)).toHaveLength(1)
  })

  it.each(['graph LR', 'flowchart TD\n  a --> b', 'flowchart TD\n  a["x"]\n  a ==> a'])(
    'of another kind is refused: %j',
    (text) => {
      expect(() => drawFlowchart(text)).toThrow(/a flowchart (begins|cannot)/)
    },
  )
})
