// The flowcharts of the guide, drawn when the site is built. They are written in the part of mermaid's language that the guide uses:
//   id["label"]
//   one --> other
import { createHash } from 'node:crypto'
import { Graph, layout } from '@dagrejs/dagre'

/** @typedef {import('vitepress').MarkdownRenderer} MarkdownRenderer */
/** @typedef {{ x: number, y: number, width: number, height: number }} Box - around its centre */
/** @typedef {{ points: { x: number, y: number }[] }} Line */

/** @param {string} text */
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** @param {number} x */
const round = (x) => Math.round(x * 10) / 10

/**
 * @param {string} text - a flowchart
 * @returns {string} its drawing, as SVG, whose colours the page gives; what it shows in words, for readers who do not see it
 * @throws for a line that is none of the two
 */
export function drawFlowchart(text) {
  const [head, ...statements] = text
    .trim()
    .split('\n')
    .map((line) => line.trim())
  if (head !== 'flowchart TD')
    throw new Error(`a flowchart begins with "flowchart TD" and not with "${head}"`)
  const graph = new Graph()
  graph.setGraph({ rankdir: 'TB', nodesep: 16, ranksep: 36, marginx: 2, marginy: 2 })
  graph.setDefaultEdgeLabel(() => ({}))
  /** @type {Map<string, string>} */
  const labels = new Map()
  /** @type {string[]} */
  const words = []
  for (const line of statements) {
    const [, id, label] = /^(\w+)\["([^"]+)"\]$/.exec(line) ?? []
    const [, from, to] = /^(\w+) --> (\w+)$/.exec(line) ?? []
    if (id !== undefined && label !== undefined) {
      labels.set(id, label)
      graph.setNode(id, { label, width: label.length * 7.3 + 20, height: 30 })
    } else if (from !== undefined && to !== undefined && labels.has(from) && labels.has(to)) {
      graph.setEdge(from, to)
      words.push(`${labels.get(from)} → ${labels.get(to)}`)
    } else {
      throw new Error(`a flowchart cannot have the line "${line}"`)
    }
  }
  layout(graph)
  // The types of dagre say nothing about what its layout adds.
  const { width, height } = /** @type {Box} */ (graph.graph())
  const lines = /** @type {object[]} */ (graph.edges()).map((edge) => /** @type {Line} */ (graph.edge(edge)))
  // Drawings of one page need markers of their own.
  const arrow = `arrow-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`
  const edges = lines.map(({ points }) => {
    const path = points.map(({ x, y }) => `${round(x)} ${round(y)}`).join('L')
    return `<path d="M${path}" marker-end="url(#${arrow})"/>`
  })
  const nodes = [...labels].map(([id, label]) => {
    const { x, y, width, height } = /** @type {Box} */ (graph.node(id))
    const box = `<rect x="${round(x - width / 2)}" y="${round(y - height / 2)}" width="${round(width)}" height="${height}" rx="5"/>`
    return `${box}<text x="${round(x)}" y="${round(y + 4)}">${escape(label)}</text>`
  })
  return [
    `<svg viewBox="0 0 ${round(width)} ${round(height)}" width="${round(width)}" role="img" aria-label="${escape(words.join('; '))}">`,
    `<defs><marker id="${arrow}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8Z"/></marker></defs>`,
    ...edges,
    ...nodes,
    '</svg>',
  ].join('')
}

/** @param {MarkdownRenderer} md */
export function diagramsPlugin(md) {
  md.core.ruler.push('site-diagrams', ({ tokens }) => {
    for (const token of tokens) {
      if (token.type !== 'fence' || token.info.trim() !== 'mermaid') continue
      Object.assign(token, {
        type: 'html_block',
        content: `<div class="site-diagram" tabindex="0" v-pre>${drawFlowchart(token.content)}</div>\n`,
      })
    }
  })
}
