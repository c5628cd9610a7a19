import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { model, node, value } from '../builder.js'
import { endEverywhere } from '../checkpoint/endingDisk.js'
import { writeExportedModel } from '../../src/export/file.js'

vi.mock('node:fs/promises', async (importOriginal) => {
  const { endingDisk } = await import('../checkpoint/endingDisk.js')
  return endingDisk(await importOriginal<typeof import('node:fs/promises')>())
})

const folder = await mkdtemp(join(tmpdir(), 'induced-metric-export-'))
afterAll(() => rm(folder, { recursive: true }))

it('an exported model, cut off between any two changes of the file system, never has data that are not its own', async () => {
  const graph = model([node('Identity', ['w'], ['y'])], [value('w', 1, [2])], [value('y', 1, [2])])
  const target = join(folder, 'model.onnx')
  const exported = (fill: number) => {
    const w = { name: 'w', dims: [2], dataType: 1, data: new Float32Array(2).fill(fill) }
    return writeExportedModel(target, graph, new Map([['w', w]]), ['y'], true)
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
