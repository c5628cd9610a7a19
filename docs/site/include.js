// A page may show a part of another file, to which it links on a code host. The paragraph
//   [In the README](../README.md) <!-- shows: frameworks -->
// stands for what is in that file between `<!-- part: frameworks -->` and `<!-- end of part -->`.
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { root } from '../../scripts/workspace.js'
import { fileOf } from './links.js'

/** @typedef {import('vitepress').MarkdownRenderer} MarkdownRenderer */

const mark = /^\[[^\]]*\]\(([^)#]+)[^)]*\) <!-- shows: ([\w-]+) -->$/gm

/**
 * @param {string} text - markdown
 * @param {string} file - that the text is from, from the root
 * @returns {string} the text with the parts of other files in it; their relative links are written anew
 */
export function includeParts(text, file) {
  return text.replaceAll(mark, (_, path, name) => {
    const other = posix.join(posix.dirname(file), path)
    const whole = readFileSync(join(root, other), 'utf8')
    const [, part] =
      new RegExp(`^<!-- part: ${name} -->$([\\s\\S]*?)^<!-- end of part -->$`, 'm').exec(whole) ?? []
    if (part === undefined) throw new Error(`${file}: ${other} has no part ${name}`)
    const here = posix.relative(posix.dirname(file), posix.dirname(other))
    const link = /\]\((?![a-z]+:|#|\/)([^)]+)\)/g
    return part
      .split(/(^```[\s\S]*?^```$)/m)
      .map((text, i) => (i % 2 === 1 ? text : text.replaceAll(link, (_, to) => `](${posix.join(here, to)})`)))
      .join('')
  })
}

/** @param {MarkdownRenderer} md */
export function includePlugin(md) {
  md.core.ruler.before('normalize', 'site-include', (state) => {
    const file = fileOf(state.env)
    if (file !== undefined) state.src = includeParts(state.src, file)
  })
}
