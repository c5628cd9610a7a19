import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { build } from '../build.js'

// How many damaged models: FUZZ_MODELS=10000 takes about six minutes.
const models = Number(process.env['FUZZ_MODELS'] ?? 200)
/** A model that takes longer than this is one that hangs. */
const patience = 60_000
/** The models themselves are below 1 MB; this is the runtime, the compiler and what a heap of JavaScript leaves. */
const mostMegabytes = 1000

beforeAll(build)

interface Outcome {
  readonly seed: number
  readonly milliseconds: number
  readonly megabytes: number
  readonly outcome: string
}

/** What came of damaged models; what has no outcome ended the process. */
function run(first: number, count: number): Promise<Outcome[]> {
  const script = fileURLToPath(new URL('fuzzing.mjs', import.meta.url))
  const child = spawn(process.execPath, ['--max-old-space-size=512', script, String(first), String(count)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const outcomes: Outcome[] = []
  let watch: NodeJS.Timeout | undefined
  const wait = (): void => {
    clearTimeout(watch)
    watch = setTimeout(() => child.kill('SIGKILL'), patience)
  }
  wait()
  createInterface({ input: child.stdout }).on('line', (line) => {
    wait()
    const [, seed, milliseconds, megabytes, outcome = ''] = /^(\d+) (\d+) (\d+) (.*)$/.exec(line) ?? []
    if (seed !== undefined)
      outcomes.push({
        seed: Number(seed),
        milliseconds: Number(milliseconds),
        megabytes: Number(megabytes),
        outcome,
      })
  })
  return new Promise((resolve) => {
    child.on('close', () => {
      clearTimeout(watch)
      resolve(outcomes)
    })
  })
}

describe('damaged models', () => {
  it(
    `do no harm: ${models} of them give an error of this library, or are models still`,
    async () => {
      const outcomes = await run(1, models)
      const crashed = outcomes.length < models ? `after seed ${outcomes.at(-1)?.seed ?? 0}` : 'no'
      expect(crashed, 'crashed or hung').toBe('no')
      expect(outcomes.filter(({ outcome }) => outcome.startsWith('UNEXPECTED')).slice(0, 3)).toEqual([])
      expect(Math.max(...outcomes.map(({ megabytes }) => megabytes))).toBeLessThan(mostMegabytes)
      const refused = outcomes.filter(({ outcome }) => outcome.startsWith('ERR_'))
      expect(refused.length).toBeGreaterThan(models / 2)
    },
    patience + models * 1000,
  )
})
