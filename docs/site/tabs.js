// Sections between `<!-- tabs -->` and `<!-- end of tabs -->` become tabs on the site. On a code host they stay sections.

/** @typedef {import('vitepress').MarkdownRenderer} MarkdownRenderer */
/** @typedef {ReturnType<MarkdownRenderer['parse']>[number]} Token */

/** @param {string} text */
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll("'", '&#39;').replaceAll('<', '&lt;')

/**
 * A section: its heading's id and text, and what is below.
 *
 * @typedef {{ id: string, label: string, content: Token[] }} Section
 */

/**
 * @param {readonly Token[]} tokens - that begin with a heading
 * @returns {Section[]} the sections by the headings of the first one's level
 */
function sectionsOf(tokens) {
  /** @type {Section[]} */
  const sections = []
  for (let i = 0; i < tokens.length; i++) {
    const token = /** @type {Token} */ (tokens[i])
    if (token.type === 'heading_open' && token.tag === tokens[0]?.tag) {
      // "In brain.js" is a heading; the tab says "brain.js".
      const label = tokens[i + 1]?.content.replaceAll('`', '').replace(/^In /, '') ?? ''
      sections.push({ id: String(token.attrGet('id')), label, content: [] })
      i += 2
    } else if (sections.length === 0) {
      throw new Error(`tabs begin with a heading, and not with ${token.type}`)
    } else {
      sections.at(-1)?.content.push(token)
    }
  }
  return sections
}

/** @param {MarkdownRenderer} md */
export function tabsPlugin(md) {
  md.core.ruler.push('site-tabs', (state) => {
    const { tokens } = state
    const indexOf = (/** @type {string} */ mark, from = 0) =>
      tokens.findIndex(
        ({ type, content }, i) => i >= from && type === 'html_block' && content.trim() === `<!-- ${mark} -->`,
      )
    const html = (/** @type {string} */ content) =>
      Object.assign(new state.Token('html_block', '', 0), { content: `${content}\n` })
    for (let start = indexOf('tabs'); start >= 0; start = indexOf('tabs', start)) {
      const end = indexOf('end of tabs', start)
      if (end < 0) throw new Error('these tabs have no end')
      const sections = sectionsOf(tokens.slice(start + 1, end))
      const list = (/** @type {'id' | 'label'} */ key) =>
        escape(JSON.stringify(sections.map((one) => one[key])))
      tokens.splice(
        start,
        end - start + 1,
        html(`<SiteTabs :ids='${list('id')}' :labels='${list('label')}'>`),
        ...sections.flatMap(({ content }, i) => [
          html(`<template #panel${i}>`),
          ...content,
          html('</template>'),
        ]),
        html('</SiteTabs>'),
      )
    }
  })
}
