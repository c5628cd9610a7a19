import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import type { InducedOptimizerOptions } from '@induced-metric/tfjs'
import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { beforeAll, describe } from 'vitest'
import { shardOfToday } from '../../conformance/test/conformance/shard.js'

/** The backends that run in Node. */
export const nodeBackends = ['cpu', 'wasm'] as const

/** A backend, and a way in which the optimiser can work on it. */
export interface Mode {
  readonly title: string
  readonly backend: (typeof nodeBackends)[number]
  readonly options: Pick<InducedOptimizerOptions, 'engine' | 'stepGuard'>
  /**
   * The part of the conformance suite to ask today: the ways by operations are asked a quarter each, in two days, and together
   * everything. `npm run docs:table` asks both backends everything.
   */
  readonly shard: string
}

/** All ways in which the optimiser can work in Node. */
const modes: readonly Mode[] = nodeBackends.flatMap((backend) => {
  const isCpu = backend === 'cpu'
  return [
    {
      title: `${backend} by compiled loops`,
      backend,
      options: { engine: 'wasm' },
      shard: isCpu ? shardOfToday(12, 1) : shardOfToday(4),
    },
    {
      title: `${backend} by operations`,
      backend,
      options: { engine: 'ops', stepGuard: 'host' },
      shard: shardOfToday(8, isCpu ? 0 : 1, 4),
    },
    {
      title: `${backend} as a device`,
      backend,
      options: { engine: 'ops', stepGuard: 'device' },
      shard: shardOfToday(8, isCpu ? 2 : 3, 4),
    },
  ]
})

/** Sets a backend up. */
export async function useBackend(name: (typeof nodeBackends)[number]): Promise<void> {
  const require = createRequire(import.meta.url)
  setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep)
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} could not be set up`)
  await tf.ready()
}

/** A `describe` for each mode, or for those of one backend, with that backend set. */
export function describeModes(body: (mode: Mode) => void, wanted?: Mode['backend']): void {
  for (const mode of modes) {
    if (wanted !== undefined && mode.backend !== wanted) continue
    describe(mode.title, () => {
      beforeAll(() => useBackend(mode.backend))
      body(mode)
    })
  }
}
