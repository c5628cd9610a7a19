import { join } from 'node:path'
import { Script } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { build, type Rolldown } from 'vite'
import { exportedBases } from '../scripts/base-pages.js'
import { root, runTool } from '../scripts/workspace.js'

// The size of the core in a page, and of what is left of it where a page takes little. A bundler keeps what is imported from
// anywhere: a list of all bases in a module that everybody needs would keep them all.

const source = join(root, 'packages/core/src')

interface Bundle {
  readonly code: string
  /** Bytes of the code, compressed by gzip. */
  readonly size: number
  /** The modules that are left, from the source folder of the core. */
  readonly modules: readonly string[]
  /** The modules of Node that were asked for, which bundlers for pages refuse, or replace with a warning. */
  readonly ofNode: readonly string[]
}

/** Bundles and minifies a module of one line for a page. */
async function bundle(line: string, left?: RegExp): Promise<Bundle> {
  const ofNode: string[] = []
  const { output } = (await build({
    configFile: false,
    root,
    logLevel: 'error',
    resolve: { conditions: ['@induced-metric/source', 'module', 'browser', 'development|production'] },
    plugins: [
      {
        name: 'entry',
        enforce: 'pre',
        resolveId(id) {
          if (id.startsWith('node:')) ofNode.push(id)
          return id === 'entry' ? '\0entry' : undefined
        },
        load: (id) => (id === '\0entry' ? line : undefined),
      },
    ],
    build: {
      write: false,
      target: 'es2022',
      rolldownOptions: {
        input: 'entry',
        preserveEntrySignatures: 'strict',
        output: { minify: true },
        ...(left !== undefined && { external: left }),
      },
    },
  })) as Rolldown.RolldownOutput
  const [{ code, modules }] = output
  const kept = Object.entries(modules).filter(([, { renderedLength }]) => renderedLength > 0)
  return {
    code,
    size: gzipSync(code, { level: 9 }).length,
    modules: kept.map(([id]) => id.replace(`${source}/`, '')),
    ofNode,
  }
}

/** The bases whose modules are left. */
function basesIn({ modules }: Bundle): string[] {
  return exportedBases()
    .map(({ name }) => name)
    .filter((name) => modules.includes(`transformation/preconditioners/${name}.ts`))
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`

it('leaves out the bases, the engines and the checkpoints that nobody imports', async () => {
  const small = await bundle("export { adam, inducedMetric } from '@induced-metric/core'")
  process.stdout.write(`adam and inducedMetric: ${kilobytes(small.size)} gz\n`)
  expect(basesIn(small)).toEqual(['adam'])
  expect(small.modules.filter((id) => /^(engines|checkpoint|step|arrays|perExample)\//.test(id))).toEqual([])
  expect(small.size).toBeLessThan(8000)
})

it('leaves out bases where arrays are trained, too', async () => {
  const arrays = await bundle("export { createOptimizer, inducedMetric, soap } from '@induced-metric/core'")
  process.stdout.write(`soap, inducedMetric and createOptimizer: ${kilobytes(arrays.size)} gz\n`)
  // Adam is the default of `fallback`.
  expect(basesIn(arrays)).toEqual(['adam', 'soap'])
})

it('has the engines of arrays or those of GPUs, by what a page trains', async () => {
  const arrays = await bundle("export { createOptimizer } from '@induced-metric/core'")
  expect(arrays.modules.filter((id) => /webgpu|^gpu\//.test(id))).toEqual([])
  const gpu = await bundle("export { createGpuOptimizer } from '@induced-metric/core'")
  process.stdout.write(`createGpuOptimizer: ${kilobytes(gpu.size)} gz\n`)
  expect(gpu.modules.filter((id) => /engines\/wasm\//.test(id))).toEqual([])
  // Some 15 % above what it is.
  expect(gpu.size).toBeLessThan(56_000)
})

it('finds the bases that a bundle has', async () => {
  const restoring = await bundle("export { fromJSON } from '@induced-metric/core'")
  expect(basesIn(restoring)).toEqual(exportedBases().map(({ name }) => name))
})

it('is not much larger than it has to be, as a whole and without the compilers of engines', async () => {
  const compilers = /engines\/(?:wasm|webgpu)\//
  const everything = "export * from '@induced-metric/core'"
  const [whole, rest] = [await bundle(everything), await bundle(everything, compilers)]
  process.stdout.write(
    `the core: ${kilobytes(whole.size)} gz, without its compilers ${kilobytes(rest.size)} gz\n`,
  )
  expect(whole.modules.some((id) => id.startsWith('engines/wasm/'))).toBe(true)
  expect(rest.modules.some((id) => compilers.test(id))).toBe(false)
  // Some 15 % above what they are, so that a leap is seen here.
  expect(rest.size).toBeLessThan(54_000)
  expect(whole.size).toBeLessThan(114_000)
})

it.each(['core', 'tfjs', 'onnx', 'onnxruntime', 'onnxruntime/artifacts', 'transformers', 'conformance'])(
  '%s asks for no module of Node in a page',
  async (name) => {
    const { code, ofNode } = await bundle(`export * from '@induced-metric/${name}'`)
    expect(code.length).toBeGreaterThan(1000)
    expect(ofNode).toEqual([])
  },
)

it('bundles the thread of a session, which knows none of the files that a page has', async () => {
  // Bundlers find the thread beside the module that starts it, in the build.
  const built = runTool('tsc', ['-b', 'packages/onnxruntime'])
  expect(built.status, built.output).toBe(0)
  const line = `export { createWorkerSession } from '${join(root, 'packages/onnxruntime/dist/index.js')}'`
  const { output } = (await build({
    configFile: false,
    root,
    logLevel: 'error',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? '\0entry' : undefined),
        load: (id) => (id === '\0entry' ? line : undefined),
      },
    ],
    build: { write: false, rolldownOptions: { input: 'entry', preserveEntrySignatures: 'strict' } },
  })) as Rolldown.RolldownOutput
  const threads = output.filter(({ fileName }) => fileName.includes('thread'))
  expect(threads).toHaveLength(1)
  const [thread] = threads
  const code = thread!.type === 'asset' ? String(thread!.source) : thread!.code
  expect(code.includes('the session of this thread was not created')).toBe(true)
  // A script has no imports.
  expect(() => new Script(code)).not.toThrow()
}, 120_000)
