import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CheckpointState } from '../../src/checkpoint/state.js'

// Other files may have loaded the modules already, with the real disk.
vi.resetModules()
vi.doMock('node:fs/promises', async (importOriginal) => {
  const { endingDisk } = await import('./endingDisk.js')
  return endingDisk(await importOriginal<typeof import('node:fs/promises')>())
})
const { disk, endEverywhere } = await import('./endingDisk.js')
const { readCheckpointFile, recoverCheckpointFile, writeCheckpointFile } =
  await import('../../src/checkpoint/files.js')
const { temporaryName } = await import('../../src/files/atomic.js')
const { splitCheckpoint } = await import('../../src/checkpoint/write.js')
afterAll(() => {
  vi.doUnmock('node:fs/promises')
  vi.resetModules()
})

const folder = await mkdtemp(join(tmpdir(), 'induced-metric-crash-'))
const path = join(folder, 'checkpoint')
afterAll(() => rm(folder, { recursive: true }))
beforeEach(async () => {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
})

/** Checkpoints that differ in their values only. */
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
      // Between the two renamings the new checkpoint is there already, beside the old data.
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
