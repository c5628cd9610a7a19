// What the search finds: the guide in full, of the API the names and their first sentences.

/** @typedef {NonNullable<import('vitepress').DefaultTheme.LocalSearchOptions['_render']>} Render */

/**
 * @param {string} text - the markdown of a page of the API
 * @returns {string} its name and the first paragraph of its description
 */
function summary(text) {
  const [title = '', ...blocks] = text.split(/\n{2,}/).filter((block) => !/^(> |\[|\*{3})/.test(block))
  const about = blocks.find((block) => !block.startsWith('#')) ?? ''
  return [title, about].join('\n\n')
}

/**
 * @param {string} text - markdown
 * @param {Parameters<Render>[1]} env
 * @param {Parameters<Render>[2]} md
 * @returns {string} the HTML to index
 */
export function renderForSearch(text, env, md) {
  const isApi = env.relativePath.startsWith('docs/api/')
  const { highlight } = md.options
  // Colours are not searched for, and take most of the time.
  md.options.highlight = null
  try {
    return md.render(isApi ? summary(text) : text, env)
  } finally {
    md.options.highlight = highlight ?? null
  }
}
