import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root, runTool } from '../../scripts/workspace.js'

// The rules that protect the structure of the workspace. Under the real configuration, each rule is shown a file that breaks
// it, so that no rule can be lost unnoticed, and a file that obeys it, so that no rule reports everything. The linter checks
// all files in one run.

const boundary = 'no-restricted-imports'

type Case = [what: string, folder: string, lines: string[]]

const coreImports: Case[] = [
  ['a package', 'core/src', [`import fc from 'fast-check'`, 'export const x = fc.sample']],
  ["a package's types", 'core/src', [`import type { T } from '@tensorflow/tfjs-core'`, 'export type X = T']],
  ['an adapter', 'core/src', [`export * from '@induced-metric/tfjs'`]],
  ['itself by name', 'core/src', [`export * from '@induced-metric/core'`]],
  ['a node: module', 'core/src', [`import { readFileSync } from 'node:fs'`, 'export const x = readFileSync']],
  ['a module of Node without its prefix', 'core/src', [`export { join } from 'path'`]],
  [
    'a package later',
    'core/src',
    [`export const x = async (): Promise<unknown> => await import('fast-check')`],
  ],
  ['another package by path', 'core/src', [`export * from '../../conformance/src/index.js'`]],
  [
    'another package by a longer path',
    'core/src/engines',
    [`export * from '../../../../packages/tfjs/x.js'`],
  ],
]

const coreGlobals: Case[] = [
  ['process', 'core/src', ['export const x: unknown = process.argv']],
  ['window', 'core/src', ['export const x: unknown = window.document']],
  ['console', 'core/src', ['export const x = (): void => console.log(1)']],
  ['performance', 'core/src', ['export const x: unknown = performance.now()']],
  ['setTimeout', 'core/src', ['export const x: unknown = setTimeout(() => {}, 1)']],
  ['TextEncoder', 'core/src', ['export const x: unknown = new TextEncoder()']],
  ['Buffer', 'core/src', ['export const x: unknown = Buffer.alloc(1)']],
]

const adapterImports: Case[] = [
  ['tfjs: brain.js', 'tfjs/src', [`export * from '@induced-metric/brain.js'`]],
  ['tfjs: types of onnxruntime', 'tfjs/src', [`export type { X } from '@induced-metric/onnxruntime'`]],
  ['tfjs: the kit', 'tfjs/src', [`export * from '@induced-metric/conformance'`]],
  ['tfjs: another by path', 'tfjs/src', [`export * from '../../onnxruntime/src/index.js'`]],
  ['onnxruntime: tfjs', 'onnxruntime/src', [`export * from '@induced-metric/tfjs'`]],
  ['onnxruntime: the command', 'onnxruntime/src', [`export * from '@induced-metric/onnx-cli'`]],
  ['tfjs: the ONNX toolchain', 'tfjs/src', [`export * from '@induced-metric/onnx'`]],
  ['the ONNX toolchain: its adapter', 'onnx/src', [`export * from '@induced-metric/onnxruntime'`]],
  ['the ONNX toolchain: a runtime', 'onnx/src', [`export * from 'onnxruntime-node'`]],
  ['the command: tfjs', 'onnx-cli/src', [`export * from '@induced-metric/tfjs'`]],
  ['sweeps: tfjs', 'sweep/src', [`export * from '@induced-metric/tfjs'`]],
  ['sweeps: the core by path', 'sweep/src', [`export * from '../../core/src/index.js'`]],
  ['brain.js: tfjs', 'brain.js/src/deep', [`export * from '@induced-metric/tfjs'`]],
  [
    'brain.js: tfjs later',
    'brain.js/src',
    [`export const x = async () => await import('@induced-metric/tfjs')`],
  ],
  ['a new one: a part of tfjs', 'some-new-adapter/src', [`export * from '@induced-metric/tfjs/lowering'`]],
]

const kitImports: Case[] = [
  [
    'a value of the core',
    'conformance/src',
    [`import { adam } from '@induced-metric/core'`, 'export const x = adam'],
  ],
  ['the core, exported on', 'conformance/src', [`export * from '@induced-metric/core'`]],
  [
    'the core later',
    'conformance/src',
    [`export const x = async () => await import('@induced-metric/core')`],
  ],
  ['the core by path', 'conformance/src', [`export * from '../../core/src/index.js'`]],
  ['an adapter', 'conformance/src', [`import type { X } from '@induced-metric/tfjs'`, 'export type Y = X']],
  ['an assertion library', 'conformance/src', [`import { expect } from 'vitest'`, 'export const x = expect']],
  ['a scoped package', 'conformance/src', [`export * from '@tensorflow/tfjs'`]],
  ['a node: module', 'conformance/src', [`export { deepStrictEqual } from 'node:assert'`]],
  ['in the bin, a value of the core', 'conformance/src/bin', [`export { adam } from '@induced-metric/core'`]],
  ['in the bin, a package', 'conformance/src/bin', [`export * from 'commander'`]],
]

const allowedImports: Case[] = [
  [
    'the core itself',
    'core/src/engines',
    [`export * from './sum.js'`, `export type { G } from '../graph.js'`],
  ],
  ['adapters the core', 'tfjs/src', [`export * from '@induced-metric/core'`]],
  [
    'adapters their framework',
    'tfjs/src',
    [`export * from '@tensorflow/tfjs-core'`, `export * from './x.js'`],
  ],
  ['onnxruntime the ONNX toolchain', 'onnxruntime/src', [`export * from '@induced-metric/onnx/adapter'`]],
  ['the command the adapter', 'onnx-cli/src', [`export * from '@induced-metric/onnxruntime'`]],
  ['tests of adapters the kit', 'tfjs/test', [`export * from '@induced-metric/conformance'`]],
  [
    'the kit types of the core',
    'conformance/src',
    [`import type { R } from '@induced-metric/core'`, 'export type X = R'],
  ],
  [
    'the kit fast-check',
    'conformance/src',
    [`import * as fc from 'fast-check'`, 'export const x = fc.sample'],
  ],
  ['the kit itself', 'conformance/src/cases', [`export * from './adam.js'`, `export * from '../oracle.js'`]],
  ['the bin of the kit node: modules', 'conformance/src/bin', [`export { join } from 'node:path'`]],
  ['tests of the kit the core', 'conformance/test', [`export * from '@induced-metric/core'`]],
]

const style: Case[] = [
  ['no-floating-promises', 'tfjs/src', ['export function x(): void {', '  Promise.resolve(1)', '}']],
  [
    'no-misused-promises',
    'tfjs/src',
    ['export const x = (l: number[]): void => l.forEach(async (n) => await f(n))'],
  ],
  ['await-thenable', 'tfjs/src', ['export const x = async (): Promise<number> => await 1']],
  ['no-unnecessary-condition', 'tfjs/test', ['export const x = (n: number): number => (n === null ? 0 : n)']],
  ['no-explicit-any', 'tfjs/src', ['export const x = (n: any): unknown => n as unknown']],
  ['no-unsafe-member-access', 'tfjs/src', [`export const x: unknown = JSON.parse('{}').y`]],
  ['consistent-type-imports', 'tfjs/src', [`import { Y } from './y.js'`, 'export type X = Y']],
  ['no-import-type-side-effects', 'conformance/src', [`import { type R } from '@induced-metric/core'`]],
  [
    'switch-exhaustiveness-check',
    'tfjs/src',
    [`export function x(y: 'a' | 'b'): void {`, `  switch (y) { case 'a': }`, '}'],
  ],
  ['no-console', 'tfjs/src', ['export const x = (): void => console.log(1)']],
  ['no-default-export', 'tfjs/src', ['export default 1']],
  ['max-lines', 'tfjs/src', Array.from({ length: 351 }, (_, i) => `export const x${i} = ${i}`)],
  [
    'max-lines-per-function',
    'brain.js/src/deep',
    ['export function x(): void {', ...Array<string>(79).fill('  // One of many lines.'), '}'],
  ],
  ['no-focused-tests', 'tfjs/test', [`import { it } from 'vitest'`, `it.only('x', () => {})`]],
  ['no-disabled-tests', 'tfjs/test', [`import { it } from 'vitest'`, `it.skip('x', () => {})`]],
]

const all = [coreImports, coreGlobals, adapterImports, kitImports, allowedImports, style].flat()
const placed = new Map(
  all.map((it, n) => [it, `packages/${it[1]}/n${n}${it[1].endsWith('test') ? '.test' : ''}.ts`]),
)
const found = new Map<string, string[]>()

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'induced-metric-lint-'))
  for (const file of ['.oxlintrc.json', 'tsconfig.base.json', 'tsconfig.test.json', 'package.json']) {
    cpSync(join(root, file), join(folder, file))
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const name of new Set(all.map((it) => it[1].split('/')[0]))) {
    write(
      `packages/${name}/package.json`,
      JSON.stringify({ name: `@induced-metric/${name}`, type: 'module' }),
    )
    write(
      `packages/${name}/tsconfig.json`,
      JSON.stringify({ extends: '../../tsconfig.base.json', include: ['src'] }),
    )
    write(`packages/${name}/test/tsconfig.json`, JSON.stringify({ extends: '../../../tsconfig.test.json' }))
  }
  write('packages/tfjs/src/y.ts', 'export interface Y {\n  y: number\n}\n')
  for (const [it, path] of placed) write(path, `${it[2].join('\n')}\n`)
  const { output } = runTool('oxlint', ['--format', 'json'], { cwd: folder })
  const report = JSON.parse(output) as { diagnostics: { code?: string; message: string; filename: string }[] }
  for (const { code, message, filename } of report.diagnostics) {
    found.set(filename, [...(found.get(filename) ?? []), /\((.*)\)/.exec(code ?? '')?.[1] ?? message])
  }
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

/** The rules that the linter reports for a case's file. */
const broken = (it: Case): string[] => found.get(placed.get(it) ?? '') ?? []

const named = (cases: Case[]): [string, Case][] => cases.map((it) => [it[0], it])

describe('the core', () => {
  it.each(named(coreImports))('does not import %s', (_, it) => {
    expect(broken(it)).toContain(boundary)
  })

  it.each(named(coreGlobals))('does not use %s', (_, it) => {
    expect(broken(it)).toContain('no-undef')
  })
})

describe('adapters never import each other', () => {
  it.each(named(adapterImports))('%s', (_, it) => {
    expect(broken(it)).toContain(boundary)
  })
})

describe('the conformance kit shares no code with what it tests', () => {
  it.each(named(kitImports))('does not import %s', (_, it) => {
    expect(broken(it)).toContain(boundary)
  })
})

describe('what may be imported', () => {
  it.each(named(allowedImports))('%s', (_, it) => {
    expect(broken(it)).not.toContain(boundary)
  })
})

describe('rules that need types, and rules of style', () => {
  it.each(named(style))('%s', (rule, it) => {
    expect(broken(it)).toContain(rule)
  })
})
