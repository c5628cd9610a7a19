import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { listFiles, root } from '../scripts/workspace.js'

/** Markdown without its code, where a bracket is no link. Lines keep their numbers. */
function prose(text: string): string {
  return text
    .replaceAll(/^(\s*)(`{3,}|~{3,})[\s\S]*?^\s*\2.*$/gm, (code) => code.replaceAll(/[^\n]/g, ''))
    .replaceAll(/`[^`\n]*`/g, '``')
}

/** The ids that GitHub gives to a page's headings. */
function anchors(text: string): Set<string> {
  const seen = new Map<string, number>()
  const found = new Set<string>()
  for (const [, title = ''] of text
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const plain = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = plain.replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '').replaceAll(/\s/g, '-')
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    found.add(count === 0 ? slug : `${slug}-${count}`)
  }
  for (const [, id = ''] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) found.add(id)
  return found
}

/** The broken relative links of a page, as `file:line: link`. */
function deadLinks(file: string, text: string): string[] {
  return prose(text)
    .split('\n')
    .flatMap((line, index) =>
      [...line.matchAll(/\]\(<?([^\s)>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*(\S+)|(?:src|href)="([^"]+)"/g)]
        .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
        .filter((link) => !/^[a-z][a-z+.-]*:/i.test(link))
        .filter((link) => !resolves(file, text, link))
        .map((link) => `${file}:${index + 1}: ${link}`),
    )
}

function resolves(file: string, text: string, link: string): boolean {
  const [path = '', anchor] = decodeURI(link).split('#')
  if (path === '') return anchor === undefined || anchors(text).has(anchor)
  const target = normalize(join(dirname(file), path))
  if (target.startsWith('..') || !existsSync(join(root, target))) return false
  if (anchor === undefined || !target.endsWith('.md')) return true
  return anchors(readFileSync(join(root, target), 'utf8')).has(anchor)
}

describe('links in markdown', () => {
  const pages = listFiles().filter((file) => file.endsWith('.md') && !file.startsWith('templates/'))

  it('all lead somewhere', () => {
    const dead = pages.flatMap((file) => deadLinks(file, readFileSync(join(root, file), 'utf8')))
    expect(dead).toEqual([])
  })

  it('are looked at: a dead one is found, a live one is not', () => {
    const text = [
      '# One title: `code`',
      '[here](package.json) [gone](no-such-file.md) ![picture](no-such.svg)',
      '[up](#one-title-code) [nowhere](#two)',
      '`[not](a-link)` [web](https://example.org/x)',
      '[out](../x.md)',
      '```ts',
      'x[0](y)',
      '```',
      '[named]: no-such-name.md',
      '<img src="tests">',
    ].join('\n')
    expect(deadLinks('page.md', text)).toEqual([
      'page.md:2: no-such-file.md',
      'page.md:2: no-such.svg',
      'page.md:3: #two',
      'page.md:5: ../x.md',
      'page.md:9: no-such-name.md',
    ])
  })
})
