import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { CONTROL } from './fakes.js'

const here = fileURLToPath(new URL('..', import.meta.url))
const root = fileURLToPath(new URL('../../..', import.meta.url))
const main = join(here, 'dist', 'main.js')
let folder: string

beforeAll(async () => {
  // These tests run the program as a user does, and Node does not run TypeScript.
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const build = spawnSync(process.execPath, [compiler, '-b', here], { encoding: 'utf8' })
  expect(build.stdout + build.stderr).toBe('')
  folder = await mkdtemp(join(tmpdir(), 'demo-'))
})
afterAll(() => rm(folder, { recursive: true }))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the program. Once its output contains `until`, calls `then` with a function that interrupts it. */
function run(argv: string[], until?: string, then?: (interrupt: () => void) => void): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '1' }
  const child = spawn(process.execPath, [main, ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err, told] = ['', '', false]
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    if (told || until === undefined || !out.includes(until)) return
    told = true
    then?.(() => child.kill('SIGINT'))
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, out, err }))
  })
}

test('a wrong option ends with code 2 and a clear message', async () => {
  const { code, out, err } = await run(['--optimizers', 'adam,foo'])
  expect([code, out]).toEqual([2, ''])
  expect(err).toMatch(
    /^error: option '--optimizers <names>' argument 'adam,foo' is invalid\. Unknown optimiser: foo\. Known: adam, .*\.\n$/,
  )
})

test('a short run prints plain lines and writes the report', async () => {
  const output = join(folder, 'short.html')
  const { code, out, err } = await run([
    '--epochs',
    '1',
    '--limit',
    '2',
    '--optimizers',
    'log',
    '--frameworks',
    'tfjs',
    '--output',
    output,
  ])
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).not.toMatch(CONTROL)
  expect(out).toContain(`Report: ${output}`)
  expect((await readFile(output, 'utf8')).match(/class="chart"/g)).toHaveLength(14)
})

test('Ctrl-C stops after the current step and leaves a report of the finished part', async () => {
  const output = join(folder, 'stopped.html')
  const argv = ['--epochs', '500', '--limit', '2', '--optimizers', 'sgd,log', '--output', output]
  const { code, out, err } = await run(argv, 'epoch 2/500', (interrupt) => interrupt())
  expect(err).toBe('')
  expect(code).toBe(130)
  const [, steps] = /stopped after (\d+) steps/.exec(out)!
  expect(Number(steps)).toBeGreaterThanOrEqual(4)
  expect(Number(steps)).toBeLessThan(1000)
  expect(out).not.toContain('Induced, log in')
  const html = await readFile(output, 'utf8')
  expect(html).toContain(`SGD stopped after ${steps} steps`)
  expect(html).toMatch(/<\/html>\n$/)
})

test('a reader that goes away is not an error', async () => {
  const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect([code, err]).toEqual([0, ''])
})
