import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PIXELS, type DigitSet } from '../../../examples/mnist/src/data/digits.js'
import { loadMnist } from '../../../examples/mnist/src/data/mnist.js'
import { main } from '../src/main.js'
import { writeArtifacts } from './artifacts.js'
import { npy } from './npy.js'

// Handwritten digits: from artifacts made here to a model that reads them, with the command line alone.

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'induced-onnx-digits-'))
})
afterAll(() => rm(root, { recursive: true }))

async function run(
  argv: readonly string[],
  steps = Infinity,
): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' }
  const controller = new AbortController()
  const sink = (key: 'out' | 'err') =>
    new Writable({
      write(chunk: Buffer, _, done) {
        text[key] += chunk.toString()
        if ((text.out.match(/step \d/g)?.length ?? 0) >= steps) controller.abort()
        done()
      },
    })
  const code = await main(argv, { stdout: sink('out'), stderr: sink('err'), signal: controller.signal })
  return { code, ...text }
}

const greys = (images: Uint8Array) => Float32Array.from(images, (grey) => grey / 255)

/** The first digits of a set as two .npy files, as the arguments that name them. */
async function write(name: string, { images, labels }: DigitSet, count: number): Promise<string[]> {
  const files = { input: join(root, `${name}-images.npy`), labels: join(root, `${name}-labels.npy`) }
  const pictures = greys(images.subarray(0, count * PIXELS))
  await writeFile(files.input, npy('<f4', [count, 28, 28], pictures))
  await writeFile(files.labels, npy('|u1', [count], labels.subarray(0, count)))
  return Object.entries(files).map(([input, file]) => `${input}=${file}`)
}

it('inspects, trains, is stopped, goes on, and exports a model that reads digits', async () => {
  const folder = await writeArtifacts(join(root, 'artifacts'), [PIXELS, 64, 10])
  const { train, test } = await loadMnist()
  const [images, labels] = await write('train', train, 6000)
  const [testImages, testLabels] = await write('test', test, 1000)

  expect(await run(['inspect', folder])).toMatchObject({ code: 0, err: '' })
  const command = [
    'train',
    folder,
    '--data',
    images!,
    '--data',
    labels!,
    '--epochs',
    '3',
    '--batch-size',
    '50',
  ]
  const options = ['--optimizer', 'adam identity', '--learning-rate', '0.003', '--log-every', '20']
  const evaluation = ['--eval-data', testImages!, '--eval-data', testLabels!]
  const stopped = await run([...command, ...options, ...evaluation], 4)
  expect([stopped.code, stopped.err]).toEqual([130, ''])
  expect((await run(['inspect', folder])).out).toMatch(/^training +80 steps in .*checkpoint\.induced$/m)
  const finished = await run([...command, ...options, ...evaluation])
  expect([finished.code, finished.err]).toEqual([0, ''])
  expect(finished.out).toMatch(/going on from .* after 80 of 360 steps/)
  const losses = [...finished.out.matchAll(/eval loss ([\d.]+)/g)].map(([, loss]) => Number(loss))
  expect(losses).toHaveLength(3)
  expect(losses[2]).toBeLessThan(losses[0]!)

  const output = join(root, 'digits.onnx')
  expect(await run(['export', folder, '--output', output])).toMatchObject({ code: 0, err: '' })
  const session = await ort.InferenceSession.create(output)
  const input = new ort.Tensor('float32', greys(test.images), [test.count, PIXELS])
  const scores = (await session.run({ input }))['output']!.data as Float32Array
  await session.release()
  let right = 0
  for (let i = 0; i < test.count; i++) {
    const row = scores.subarray(10 * i, 10 * i + 10)
    if (row.indexOf(Math.max(...row)) === test.labels[i]) right++
  }
  expect(right / test.count).toBeGreaterThan(0.9)
})
