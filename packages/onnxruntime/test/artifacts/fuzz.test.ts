import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { build } from '../build.js'
import { damagedModel, originals } from './damage.js'

// The number of damaged models: FUZZ_MODELS=10000 takes under a minute.
const models = Number(process.env['FUZZ_MODELS'] ?? 300)
/** A model that takes longer than this hangs. */
const patience = 60_000
/** The models themselves are far below 1 MB. This is for the runtime, and the garbage of a JavaScript heap. */
const mostMegabytes = 800

beforeAll(build)

interface Outcome {
  readonly outcome: string
  readonly megabytes: number
}

/** Sends models to a process that generates artifacts from them. It rejects if the process ends or hangs. */
function startGenerating() {
  const path = fileURLToPath(new URL('generating.mjs', import.meta.url))
  const child = fork(path, [], {
    execArgv: ['--max-old-space-size=512'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const generate = (bytes: Uint8Array): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const end = (act: () => void): void => {
        clearTimeout(watch)
        child.removeAllListeners()
        act()
      }
      const watch = setTimeout(() => end(() => reject(new Error('it hangs'))), patience)
      child.once('message', (outcome) => end(() => resolve(outcome as Outcome)))
      child.once('exit', (code, signal) => end(() => reject(new Error(`it ended: ${signal ?? code}`))))
      child.send(bytes)
    })
  return { generate, stop: () => child.kill('SIGKILL') }
}

describe('damaged models', () => {
  it(
    `do no harm: each of ${models} gives an error of this library, or is a model still`,
    async () => {
      const { generate, stop } = startGenerating()
      const counts = new Map<string, number>()
      let most = 0
      try {
        for (const whole of originals) expect((await generate(whole)).outcome).toBe('generated')
        for (let seed = 1; seed <= models; seed++) {
          const { outcome, megabytes } = await generate(damagedModel(seed)).catch((error: unknown) => {
            throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`)
          })
          expect(outcome, `seed ${seed}`).toMatch(/^(generated|ERR_[A-Z_]+)$/)
          counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
          most = Math.max(most, megabytes)
        }
      } finally {
        stop()
      }
      process.stdout.write(
        `${models} damaged models: ${JSON.stringify(Object.fromEntries(counts))}, ${most} MB at most\n`,
      )
      expect(most).toBeLessThan(mostMegabytes)
      expect(counts.get('generated') ?? 0).toBeLessThan(models / 2)
    },
    patience + models * 1000,
  )
})
