import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'node:util'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { listFiles, root } from '../../scripts/workspace.js'
import { markdownBlocks } from './blocks.js'
import { importElsewhere } from './importElsewhere.js'
import { type Shown, shownOutputs } from './shown.js'

// A block marked `text output` must equal the output of the code before it, so that no number in the docs is older than
// the code that prints it.

const shown = listFiles()
  .filter((file) => file.endsWith('.md') && !file.startsWith('examples/'))
  .flatMap((file) => shownOutputs(markdownBlocks(file, readFileSync(join(root, file), 'utf8'))))

const folder = join(root, 'tests/.snippets/output')

/** Runs a module with `Math.random` seeded, and returns its output and how many numbers it drew. */
async function runSeeded(path: string, seed: number): Promise<{ printed: string; draws: number }> {
  let state = seed
  const printed: string[] = []
  const draw = vi.spyOn(Math, 'random').mockImplementation(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0 // Numerical Recipes' generator
    return state / 2 ** 32
  })
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(format(...values)))
  try {
    // A page's code finds the packages as they are when they are loaded: no memory is in use yet.
    vi.resetModules()
    await importElsewhere(`${path}?seed=${seed}`)
    return { printed: printed.join('\n').trimEnd(), draws: draw.mock.calls.length }
  } finally {
    log.mockRestore()
    draw.mockRestore()
  }
}

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('what a page says its code prints', () => {
  it.each(shown.map((entry): [string, Shown] => [entry.module.name, entry]))(
    '%s',
    async (_, { module, output }) => {
      mkdirSync(folder, { recursive: true })
      const path = join(folder, `${module.name.replaceAll(/[/:]/g, '+')}.${module.language}`)
      writeFileSync(path, module.run ?? '')
      const { printed, draws } = await runSeeded(path, 0)
      expect(printed).toBe(output.trimEnd())
      const seeds = draws === 0 ? [] : [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
      for (const seed of seeds) {
        expect((await runSeeded(path, seed)).printed, `first weights of seed ${seed}`).toBe(output.trimEnd())
      }
    },
  )

  it('is found beside the code it belongs to', () => {
    const page = [
      '```ts', "import 'a'", '```', '```text output', 'one', '```', '```ts', 'two', '```', '```text output', 'two', '```',
      '```ts', "import 'b'", '```', '```text', 'a picture', '```',
    ] // prettier-ignore
    const found = shownOutputs(markdownBlocks('page.md', page.join('\n')))
    expect(found.map(({ module: { name }, output }) => [name, output])).toEqual([['page.md:2', 'one\ntwo']])
  })
})
