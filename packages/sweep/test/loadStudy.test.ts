import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { uniform } from '../src/index.js'
import { completeStudy } from '../src/study/study.js'
import { loadStudy } from '../src/study/loadStudy.js'

const source = new URL('../src/index.ts', import.meta.url).href
const whole = `import { uniform } from '${source}'
export const space = { x: uniform(0, 1) }, metric = 'loss', budget = { trials: 1 }, run = () => 0
`

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'induced-metric-study-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Writes a study file. */
async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

it.each(['模型', '学习', 'étude d’été', 'a b', 'a_b', 'a+b (1)', 'R&D'])(
  'a study in the file %s.mjs has its name, which no other has',
  async (name) => {
    expect((await loadStudy(await write(`${name}.mjs`, whole))).name).toBe(name)
  },
)

it.each(['', 'a/b', 'a:b', 'a\nb', 'a'.repeat(101), 5])('a study cannot have the name %j', (name) => {
  const study = {
    name,
    space: { x: uniform(0, 1) },
    metric: 'loss',
    budget: { trials: 1 },
    run: () => 0,
  } as never
  expect(() => completeStudy(study, 'file')).toThrow(/name must be 1 to 100 characters/)
})

it('a file without a study is told what it exports', async () => {
  const some = await write('some.mjs', 'export const study = 1, other = 2\n')
  await expect(loadStudy(some)).rejects.toThrow(
    /only the exports (study, other|other, study): write export default defineStudy/,
  )
  await expect(loadStudy(await write('none.mjs', ''))).rejects.toThrow(/none\.mjs has no exports: write/)
})

it('an error names its line in the study', async () => {
  const throwing = await write('throwing.mjs', 'const x = 1\n\nthrow new Error(`x is ${x}`)\n')
  await expect(loadStudy(throwing)).rejects.toThrow(
    `ERR_OPTION: the study ${throwing} cannot be loaded: x is 1 (${throwing}:3)`,
  )
})

it('an error of the study has its code once', async () => {
  const wrong = await write(
    'wrong.mjs',
    `import { uniform } from '${source}'\nexport default { space: { x: uniform(1, 0) } }\n`,
  )
  await expect(loadStudy(wrong)).rejects.toThrow(/^(?!.*ERR_OPTION.*ERR_OPTION).*cannot be loaded: .*uniform/)
})

it('what is no file is called so', async () => {
  await mkdir(join(folder, 'folder'))
  for (const name of ['missing.mjs', 'folder'])
    await expect(loadStudy(join(folder, name))).rejects.toThrow(/cannot be loaded: there is no such file$/)
})
