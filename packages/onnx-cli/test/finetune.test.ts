import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { main } from '../src/main.js'

const bert = fileURLToPath(new URL('../../transformers/test/models/bert', import.meta.url))
let folder: string
let data: string
let empty: string
let odd: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'induced-metric-finetune-'))
  data = join(folder, 'reviews.jsonl')
  const lines = ['wonderful', 'great', 'lovely', 'awful', 'dull', 'boring'].flatMap((word, i) =>
    [`the film was ${word}`, `a very ${word} story`].map((text) =>
      JSON.stringify({ text, label: i < 3 ? 'good' : 'bad' }),
    ),
  )
  empty = join(folder, 'empty.jsonl')
  await writeFile(empty, '\n')
  odd = join(folder, 'odd.jsonl')
  await writeFile(odd, `${lines[0]}\n\n{"text":"so"}\n`)
  await writeFile(data, `${lines.join('\n')}\n\n`)
})
afterAll(() => rm(folder, { recursive: true }))

async function run(...argv: string[]) {
  let [out, err] = ['', '']
  const stdout = new PassThrough().on('data', (chunk: Buffer) => (out += chunk.toString()))
  const stderr = new PassThrough().on('data', (chunk: Buffer) => (err += chunk.toString()))
  const code = await main(['finetune', ...argv], { stdout, stderr, signal: new AbortController().signal })
  return { code, out, err }
}

it('fine-tunes a folder into another', async () => {
  const output = join(folder, 'tuned')
  const flags = ['--lora', 'rank=4,alpha=8', '--epochs', '20', '--batch-size', '4', '--eval-data', data]
  const { code, out, err } = await run(bert, '--data', data, '-o', output, ...flags)
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(
    /^text-classification: 12 examples, 3906 of \d+ scalars to train, 60 steps\nlabels: bad, good\n/,
  )
  expect(out).toMatch(/epoch 20\/20 {2}step 60\/60 {2}loss/)
  const [before, after] = [...out.matchAll(/^(?:before|after) +loss ([\d.e-]+)/gm)].map(([, loss]) =>
    Number(loss),
  )
  expect(after).toBeLessThan(0.7 * before!)
  expect(out.endsWith(`wrote ${output}\n`)).toBe(true)
  const config = JSON.parse(await readFile(join(output, 'config.json'), 'utf8')) as Record<string, unknown>
  expect(config['id2label']).toEqual({ 0: 'bad', 1: 'good' })
  expect((await readFile(join(output, 'onnx/model.onnx'))).length).toBe(
    (await readFile(join(bert, 'onnx/model.onnx'))).length,
  )
})

it.each([
  [['--data', 'none.jsonl', '-o', 'x'], 2, /cannot read none\.jsonl/],
  [['--data', 'DATA', '--data', 'EMPTY', '-o', 'x'], 2, /empty\.jsonl has no examples/],
  [['--data', 'DATA', '-o', 'DATA'], 2, /--output: .*reviews\.jsonl is a file; give a folder/],
  [['--data', 'DATA', '-o', 'x', '--learning-rate', '1'], 2, /--learning-rate goes with an optimiser/],
  [
    ['--data', 'DATA', '--data', 'ODD', '-o', 'x'],
    1,
    /ERR_OPTION: .*odd\.jsonl, line 3 has text: "so"; a classifier takes/,
  ],
  [
    ['--data', 'DATA', '--eval-data', 'ODD', '-o', 'x'],
    1,
    /ERR_OPTION: .*odd\.jsonl, line 3 has text: "so"; a classifier takes/,
  ],
  [['-o', 'x'], 2, /say what to learn, --data FILE\.jsonl/],
  [['--data', 'DATA'], 2, /say where to, --output DIR/],
  [['--data', 'DATA', '-o', 'x', '--lora', 'size=4'], 2, /--lora takes rank=N/],
  [['--data', 'DATA', '-o', 'x', '--dtype', 'q4'], 1, /has no onnx\/model_q4\.onnx, but the variants fp32/],
  [['--data', 'DATA', '-o', 'x', '--labels', 'good,fine'], 1, /the label "bad" is none of "good", "fine"/],
])('refuses %j', async (argv, expected, message) => {
  const files = new Map([
    ['DATA', data],
    ['EMPTY', empty],
    ['ODD', odd],
  ])
  const { code, err } = await run(bert, ...argv.map((text) => files.get(text) ?? text))
  expect(err).toMatch(message)
  expect(code).toBe(expected)
})
