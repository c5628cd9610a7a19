// A table in markdown must have a header, also where there is nothing to say in it. On the site empty headers are none.

/** @typedef {import('vitepress').MarkdownRenderer} MarkdownRenderer */

/** @param {MarkdownRenderer} md */
export function tablesPlugin(md) {
  md.core.ruler.push('site-tables', ({ tokens }) => {
    for (let start = 0; start < tokens.length; start++) {
      if (tokens[start]?.type !== 'thead_open') continue
      const end = tokens.findIndex(({ type }, i) => i > start && type === 'thead_close')
      const cells = tokens.slice(start, end).filter(({ type }) => type === 'inline')
      if (cells.every(({ content }) => content === '')) tokens.splice(start, end - start + 1)
      else
        for (let i = start; i < end; i++) {
          const [open, inline, close] = tokens.slice(i, i + 3)
          if (open?.type === 'th_open' && inline?.content === '' && close !== undefined)
            open.tag = close.tag = 'td'
        }
    }
  })
}
