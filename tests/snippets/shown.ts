import type { Document } from './blocks.js'
import { type Module, toModules } from './modules.js'

/** A module of a page, with the blocks that show what it prints. */
export interface Shown {
  readonly module: Module
  readonly output: string
}

/** The modules of a page that are followed by a block marked `text output`, before the next module begins. */
export function shownOutputs(page: Document): Shown[] {
  const modules = toModules(page)
  const starts = modules.map(({ name }) => Number(name.split(':').at(-1)))
  return modules.flatMap((module, i) => {
    const output = page.filter(
      ({ line, flags }) =>
        flags.includes('output') && line > starts[i]! && line < (starts[i + 1] ?? Infinity),
    )
    return output.length === 0 ? [] : [{ module, output: output.flatMap(({ lines }) => lines).join('\n') }]
  })
}
