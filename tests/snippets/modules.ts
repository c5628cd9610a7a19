import type { Block, Document } from './blocks.js'

/** Blocks of a document that form one module. */
export interface Module {
  /** Where it begins, as `file:line`. */
  readonly name: string
  readonly file: string
  readonly language: 'ts' | 'js'
  /** The code to type-check. Its lines have the same numbers as in the file. */
  readonly checked: string
  /** The code to run, likewise; none if the first block says `no-run`. */
  readonly run: string | undefined
}

/**
 * Puts a document's ts and js blocks together. A block with an import begins a module; one without goes on where the
 * block before it ended. Blocks after one that says `no-run` are not run either.
 *
 * @param document - the blocks of a page or doc comment, in order
 */
export function toModules(document: Document): Module[] {
  const modules: Block[][] = []
  for (const block of document) {
    if (!isCode(block)) continue
    const last = modules.at(-1)
    if (block.lines.some((line) => /^\s*import\b/.test(line))) modules.push([block])
    else if (last !== undefined && last[0]?.language === block.language) last.push(block)
    else throw new Error(`${block.file}:${block.line}: no import here, and no block before it to go on from`)
  }
  return modules.flatMap((blocks) => {
    const [first] = blocks
    if (first === undefined || !isCode(first)) return []
    const stop = blocks.findIndex(({ flags }) => flags.includes('no-run'))
    const runnable = stop === -1 ? blocks : blocks.slice(0, stop)
    return [
      {
        name: `${first.file}:${first.line}`,
        file: first.file,
        language: first.language,
        checked: inPlace(blocks),
        run: runnable.length === 0 ? undefined : inPlace(runnable),
      },
    ]
  })
}

function isCode(block: Block): block is Block & { language: 'ts' | 'js' } {
  return block.language === 'ts' || block.language === 'js'
}

function inPlace(blocks: readonly Block[]): string {
  const lines: string[] = []
  for (const block of blocks) {
    while (lines.length < block.line - 1) lines.push('')
    lines.push(...block.lines)
  }
  return `${lines.join('\n')}\n`
}
