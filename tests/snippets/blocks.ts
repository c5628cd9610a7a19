/** A fenced code block in a file. */
export interface Block {
  /** The file, from the root. */
  readonly file: string
  /** The line of the block's first line of code, counted from 1. */
  readonly line: number
  /** The first word after the fence. */
  readonly language: string
  /** The other words after the fence. */
  readonly flags: readonly string[]
  readonly lines: readonly string[]
}

/** Blocks that may continue each other: those of a page, or those of one doc comment. */
export type Document = readonly Block[]

/**
 * The fenced blocks of a markdown text.
 *
 * @param file - named in the blocks
 * @param text - markdown
 * @param firstLine - the line of the file on which the text begins
 */
export function markdownBlocks(file: string, text: string, firstLine = 1): Document {
  const blocks: Block[] = []
  let open: { indent: number; fence: string; info: string; line: number; lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line)
    if (open === undefined) {
      if (fence === null) continue
      const [, indent = '', mark = '', info = ''] = fence
      open = { indent: indent.length, fence: mark, info, line: firstLine + index + 1, lines: [] }
    } else if (fence?.[2]?.startsWith(open.fence) === true && fence[3]?.trim() === '') {
      const [language = '', ...flags] = open.info.trim().split(/\s+/)
      blocks.push({ file, line: open.line, language, flags, lines: open.lines })
      open = undefined
    } else {
      open.lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)))
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line - 1}: this code block is never closed`)
  return blocks
}

/**
 * The fenced blocks of each doc comment in a TypeScript source. An `@example` without one is an error.
 *
 * @param file - named in the blocks
 * @param text - TypeScript
 */
export function commentBlocks(file: string, text: string): Document[] {
  return [...text.matchAll(/^[ \t]*\/\*\*[\s\S]*?\*\//gm)].map((comment) => {
    const firstLine = text.slice(0, comment.index).split('\n').length
    const lines = comment[0].split('\n').map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*) ?/, ''))
    const blocks = markdownBlocks(file, lines.join('\n'), firstLine)
    for (const [index, line] of lines.entries()) {
      const next = lines.findIndex((other, at) => at > index && /^@\w/.test(other))
      const end = firstLine + (next === -1 ? lines.length : next)
      const covered = blocks.some((block) => block.line > firstLine + index && block.line <= end)
      if (line.startsWith('@example') && !covered) {
        throw new Error(`${file}:${firstLine + index}: this @example needs a fenced code block`)
      }
    }
    return blocks
  })
}
