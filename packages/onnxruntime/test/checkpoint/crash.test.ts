import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { readCheckpointFile, recoverCheckpointFile, writeCheckpointFile } from '../../src/checkpoint/files.js'
import { temporaryName } from '../../src/checkpoint/atomic.js'
import { splitCheckpoint } from '../../src/checkpoint/write.js'
import { writeInferenceModel } from '../../src/export/file.js'
import type { CheckpointState } from '../../src/checkpoint/state.js'
import { model, node, value } from '../builder.js'

// A process that ends between two changes of the file system: from some change on, none is made any more.

const disk = vi.hoisted(() => ({ left: Infinity }))

vi.mock('node:fs/promises', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs/promises')>()
  const ending = <Args extends unknown[], T>(change: (...args: Args) => Promise<T>) => {
    return async (...args: Args): Promise<T> => {
      if (disk.left <= 0) throw new Error('the process has ended')
      disk.left--
      return change(...args)
    }
  }
  return {
    ...fs,
    rename: ending(fs.rename),
    unlink: ending(fs.unlink),
    rm: ending(fs.rm),
    open: ending(async (...args: Parameters<typeof fs.open>) => {
      const file = await fs.open(...args)
      file.write = ending(file.write.bind(file)) as typeof file.write
      return file
    }),
  }
})

const folder = await mkdtemp(join(tmpdir(), 'induced-metric-crash-'))
const path = join(folder, 'checkpoint')
afterAll(() => rm(folder, { recursive: true }))
beforeEach(async () => {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
})

/** A checkpoint that is the same in all but its values. */
function stateOf(fill: number): CheckpointState {
  const tensor = (name: string) => ({
    name,
    dims: [3],
    dataType: 1,
    data: new Float32Array(3).fill(fill),
  })
  return {
    trainable: [tensor('a'), tensor('b')],
    frozen: [],
    optimizerGroups: [],
    properties: new Map([['epoch', 1n]]),
  }
}

/** Ends the process after ever more changes, until it lives to the end; `check` looks at what each has left. */
async function endEverywhere(
  before: () => Promise<void>,
  act: () => Promise<unknown>,
  check: () => unknown,
): Promise<number> {
  for (let changes = 0; ; changes++) {
    await before()
    disk.left = changes
    const isDone = await act().then(
      () => true,
      (error: unknown) => {
        expect(String(error)).toMatch(/the process has ended/)
        return false
      },
    )
    disk.left = Infinity
    await check()
    if (isDone) return changes
  }
}

describe('a checkpoint with its data beside it, cut off between any two changes of the file system', () => {
  const [old, next, after] = [stateOf(1), stateOf(2), stateOf(3)]

  it.each([
    ['over one of its kind', true],
    ['over one in a single file', false],
  ])('%s is the old one or the new one', async (_, wasSplit) => {
    for (const recovers of [true, false]) {
      const found: string[] = []
      await endEverywhere(
        () => writeCheckpointFile(path, old, { externalData: wasSplit }),
        () => writeCheckpointFile(path, next, { externalData: true }),
        async () => {
          const state = await readCheckpointFile(path)
          found.push(state.trainable[0]!.data[0] === 1 ? 'old' : 'new')
          expect(state).toEqual(found.at(-1) === 'old' ? old : next)
          if (recovers) {
            await recoverCheckpointFile(path)
            expect(await readCheckpointFile(path)).toEqual(state)
            expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
          } else {
            await writeCheckpointFile(path, after, { externalData: true })
            expect(await readCheckpointFile(path)).toEqual(after)
          }
        },
      )
      const first = found.indexOf('new')
      expect(first).toBeGreaterThan(4)
      // Between the two renamings there is the new one already, beside the old data.
      expect(found.slice(first, first + 2)).toEqual(['new', 'new'])
      expect(found.slice(first)).not.toContain('old')
    }
  })

  it('is not lost when it is cut off twice', async () => {
    const whole = await endEverywhere(
      () => writeCheckpointFile(path, old, { externalData: true }),
      () => writeCheckpointFile(path, next, { externalData: true }),
      () => {},
    )
    for (let first = 0; first < whole; first++) {
      await endEverywhere(
        async () => {
          await writeCheckpointFile(path, old, { externalData: true })
          disk.left = first
          await expect(writeCheckpointFile(path, next, { externalData: true })).rejects.toThrow(/ended/)
          disk.left = Infinity
        },
        () => writeCheckpointFile(path, after, { externalData: true }),
        async () => expect([old, next, after]).toContainEqual(await readCheckpointFile(path)),
      )
    }
  })

  it('is read from no file elsewhere, whatever it says', async () => {
    await writeCheckpointFile(path, old, { externalData: true })
    await writeFile(path, splitCheckpoint(old, '/../elsewhere').checkpoint)
    await mkdir(`${path}.data.`)
    await writeFile(join(folder, 'elsewhere.tmp'), '')
    await writeFile(`${path}.data.1-a.tmp`, 'of another process')
    expect(existsSync(temporaryName(`${path}.data`, '/../elsewhere'))).toBe(true)
    expect(await readCheckpointFile(path)).toEqual(old)
    await writeCheckpointFile(path, next, { externalData: true })
    expect(await readCheckpointFile(path)).toEqual(next)
    expect(existsSync(join(folder, 'elsewhere.tmp'))).toBe(true)
  })
})

it('an exported model, cut off between any two changes of the file system, never has data that are not its own', async () => {
  const graph = model([node('Identity', ['w'], ['y'])], [value('w', 1, [2])], [value('y', 1, [2])])
  const target = join(folder, 'model.onnx')
  const exported = (fill: number) => {
    const w = { name: 'w', dims: [2], dataType: 1, data: new Float32Array(2).fill(fill) }
    return writeInferenceModel(target, graph, new Map([['w', w]]), ['y'], true)
  }
  const found: string[] = []
  await endEverywhere(
    async () => void (await exported(1)),
    () => exported(2),
    () => {
      const data = new Float32Array(new Uint8Array(readFileSync(`${target}.data`)).buffer)
      found.push(existsSync(target) ? `model and ${data[0]}` : `${data[0]} alone`)
    },
  )
  expect([...new Set(found)]).toEqual(['model and 1', '1 alone', '2 alone', 'model and 2'])
})
