import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readCheckpointFile } from '@induced-metric/onnx'
import { build, here } from './build.js'
import { writeArtifacts, writeExamples } from './artifacts.js'

// kill -9 in the middle of training: at any moment the file is complete, and training continues from it.

let folder: string
let data: string
let kept: string

beforeAll(async () => {
  build()
  folder = await writeArtifacts(await mkdtemp(join(tmpdir(), 'induced-metric-kill-')), [6, 192, 192, 3])
  data = await writeExamples(join(folder, 'data.csv'), 320)
  kept = join(folder, 'checkpoint.induced')
})
afterAll(() => rm(folder, { recursive: true }))

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly out: string
  readonly err: string
}

/** Runs `train`, and kills it this many milliseconds after its first line. */
function train(options: readonly string[], killAfter?: number): Promise<Ended> {
  const argv = [
    join(here, 'dist/bin.js'),
    'train',
    folder,
    '--data',
    data,
    '--optimizer',
    'adam identity',
    ...options,
  ]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  let timer: NodeJS.Timeout | undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    if (killAfter !== undefined) timer ??= setTimeout(() => child.kill('SIGKILL'), killAfter)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, out, err })
    })
  })
}

const stepsOf = (path: string) =>
  readCheckpointFile(path).then(({ properties }) => properties.get('induced-onnx.steps'))

it(
  'killed 20 times at random moments, it goes on each time and comes to the same end',
  { timeout: 600_000 },
  async () => {
    // Every step writes, so that most moments are in the middle of a write.
    const endless = ['--epochs', '100000', '--save-every', '1']
    let steps = 0n
    let leftovers = 0
    let existed = false
    // And on until there were steps, which a loaded machine takes slowly, and the leftovers of one kill show that it came in the
    // middle of a write.
    const isDone = (): boolean => steps > 20n && leftovers > 0
    for (let round = 0; round < 20 || (!isDone() && round < 60); round++) {
      const { signal, out, err } = await train(endless, Math.random() * 400)
      expect([signal, err]).toEqual(['SIGKILL', ''])
      if (existed) expect(out).toContain(`going on from ${kept} after ${steps} of`)
      leftovers += (await readdir(folder)).filter((name) => name.endsWith('.tmp')).length
      existed = (await stat(kept).catch(() => undefined)) !== undefined
      const now = existed ? await stepsOf(kept) : 0n
      expect(now).toBeGreaterThanOrEqual(steps)
      steps = now as bigint
    }
    expect(steps).toBeGreaterThan(20n)
    expect(leftovers).toBeGreaterThan(0)

    const epochs = String(Number(steps / 10n) + 1)
    const last = await train(['--epochs', epochs])
    expect([last.code, last.err]).toEqual([0, ''])
    const other = join(folder, 'uninterrupted')
    const whole = await train(['--epochs', epochs, '--checkpoint', other])
    expect([whole.code, whole.err]).toEqual([0, ''])
    expect(await readCheckpointFile(kept)).toEqual(await readCheckpointFile(other))
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  },
)
