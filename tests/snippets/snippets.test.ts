import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listFiles, readManifest, root, runTool, workspaces } from '../../scripts/workspace.js'
import { type Block, type Document, commentBlocks, markdownBlocks } from './blocks.js'
import { importElsewhere } from './importElsewhere.js'
import { type Module, toModules } from './modules.js'
import { shownOutputs } from './shown.js'

// The code in the README, the docs and the doc comments is compiled and run, so that it stays correct.

const files = listFiles()
const pages: Document[] = files.filter(isPage).map((file) => markdownBlocks(file, read(file)))
const comments: Document[] = files
  .filter((file) => /^packages\/[^/]+\/src\/.*\.ts$/.test(file))
  .flatMap((file) => commentBlocks(file, read(file)))
const modules = [...pages, ...comments].flatMap(toModules)
/** Those that the test of outputs runs, by name. */
const runElsewhere = new Set(pages.flatMap(shownOutputs).map(({ module }) => module.name))
const languages = new Set(['ts', 'js', 'sh', 'bash', 'json', 'html', 'text', 'mermaid'])

// Of its own: the test of outputs may run at the same time.
const folder = join(root, 'tests/.snippets/blocks')
const errors = new Map<string, string[]>()
/** The compiler's messages on the sources behind the snippets or on its configuration, rather than on a snippet. */
const elsewhere: string[] = []

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const language of ['ts', 'js'] as const) {
    const chosen = modules.filter((module) => module.language === language)
    if (chosen.length > 0) typeCheck(language, chosen)
  }
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function isPage(file: string): boolean {
  return /^(README|CONTRIBUTING)\.md$|^packages\/[^/]+\/README\.md$|^docs\/.*\.md$/.test(file)
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

function fileName({ name, language }: Module): string {
  return `${name.replaceAll(/[/:]/g, '+')}.${language}`
}

const named = (list: readonly Module[]): [string, Module][] => list.map((module) => [module.name, module])

/** Compiles snippets as a reader's own project would, against the packages as their sources build now. */
function typeCheck(language: 'ts' | 'js', chosen: readonly Module[]): void {
  const place = join(folder, `check-${language}`)
  mkdirSync(place, { recursive: true })
  const config = {
    extends: '../../../../tsconfig.test.json',
    compilerOptions: {
      lib: ['es2023', 'dom', 'dom.iterable'],
      incremental: false,
      noUncheckedIndexedAccess: false,
      ...(language === 'js' ? { allowJs: true, checkJs: true, noImplicitAny: false } : {}),
    },
    // convnetjs comes without types; a reader's project declares it as `any`.
    include: ['.', '../../../../packages/convnetjs/test/support/convnetjs.d.ts'],
    references: workspaces()
      .filter(
        ({ folder }) => existsSync(join(root, folder, 'src/index.ts')) && folder.startsWith('packages/'),
      )
      .map(({ folder }) => ({ path: `../../../../${folder}` })),
  }
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(config))
  for (const module of chosen) writeFileSync(join(place, fileName(module)), module.checked)
  const { status, output } = runTool('tsc', ['-b', place, '--pretty', 'false'], { cwd: place })
  let known = 0
  for (const module of chosen) {
    const found = output.split('\n').filter((line) => line.startsWith(`${fileName(module)}(`))
    known += found.length
    errors.set(
      module.name,
      found.map((line) => line.replace(/^[^(]*\((\d+),\d+\)/, `${module.file}:$1`)),
    )
  }
  if (status !== 0 && known === 0) elsewhere.push(output)
}

describe('code blocks', () => {
  it.skipIf(!existsSync(join(root, 'README.md')))('are found in the README', () => {
    expect(modules.filter(({ file }) => file === 'README.md')).not.toEqual([])
  })

  it.each(pages.flat().map((block): [string, Block] => [`${block.file}:${block.line - 1}`, block]))(
    'say what they are: %s',
    (_, block) => {
      expect([...languages], 'the word after the fence').toContain(block.language)
      if (block.language === 'json') expect(() => void JSON.parse(block.lines.join('\n'))).not.toThrow()
      if (block.language === 'text') {
        expect(block.lines.join('\n'), 'code is marked ts or js, so that it gets checked').not.toMatch(
          /^\s*import\b/m,
        )
      }
    },
  )

  it('stand on sources that compile', () => {
    expect(elsewhere.join('\n')).toBe('')
  })

  it.each(named(modules))('compile: %s', (name) => {
    expect(errors.get(name)?.join('\n')).toBe('')
  })

  const own = modules.filter(({ name, run }) => run !== undefined && !runElsewhere.has(name))
  it.each(named(own))('run: %s', async (_, module) => {
    const place = join(folder, 'run')
    mkdirSync(place, { recursive: true })
    const path = join(place, fileName(module))
    writeFileSync(path, module.run ?? '')
    await importElsewhere(path)
  })
})

describe('commands', () => {
  const scripts = Object.keys(readManifest('.').scripts ?? {})
  const all = workspaces()
  const packages = all.map(({ manifest }) => manifest)
  const bins = new Set(packages.flatMap(({ bin }) => Object.keys(bin ?? {})))
  const commands = pages
    .flat()
    .filter(({ language }) => language === 'sh' || language === 'bash')
    .flatMap((block) =>
      block.lines.flatMap((line, index) =>
        line
          .replace(/(^|\s)#.*$/, '')
          .split(/&&|\|\||;|\|/)
          .map((command): [at: string, command: string] => [
            `${block.file}:${block.line + index}`,
            command.trim(),
          ]),
      ),
    )
    .filter(([, command]) => /^(npm|npx) /.test(command))

  it.each(commands)('exist: %s: %s', (_, command) => {
    const script = /^npm (?:run(?:-script)? (?:-s |--silent )?([\w:.-]+)|(test|start))\b/.exec(command)
    const workspace = /(?:^| )(?:-w|--workspace)[ =](\S+)/.exec(command)?.[1]
    if (script !== null) {
      // npm takes a workspace by its name or its folder.
      const owner = all.find(({ folder, manifest }) => [folder, manifest.name].includes(workspace!))?.manifest
      expect(workspace === undefined ? scripts : Object.keys(owner?.scripts ?? {})).toContain(
        script[1] ?? script[2],
      )
    }
    const tool = /^npx (?:--no |--yes |-y )?([\w@/.-]+)/.exec(command)?.[1]
    if (tool !== undefined && !bins.has(tool)) {
      expect(existsSync(join(root, 'node_modules/.bin', tool)), `${tool} is installed`).toBe(true)
    }
    for (const name of command.match(/@induced-metric\/[\w.-]+/g) ?? []) {
      expect(packages.map((manifest) => manifest.name)).toContain(name)
    }
  })

  it.skipIf(!existsSync(join(root, 'README.md')))('of the README are the two that it promises', () => {
    const readme = read('README.md')
    expect(readme).toContain('npm ci && npm run demo')
    expect(readme).toContain('npm ci && npm test')
  })
})
