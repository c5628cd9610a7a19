// npm run count:lines
//
// Prints the lines of code in the `src` of each package, without comments and blank lines.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseSync } from 'oxc-parser'
import { listFiles, root } from './workspace.js'

/** @typedef {'code' | 'derivatives' | 'GPU' | 'per example' | 'generated'} Column */

/** @type {Column[]} */
const columns = ['code', 'derivatives', 'GPU', 'per example', 'generated']

/**
 * @param {string} text - TypeScript or JavaScript
 * @param {string} file - its name, whose ending tells the language
 * @returns {number} the lines on which something other than a comment is
 */
export function countLines(text, file) {
  const { comments, errors } = parseSync(file, text)
  const [error] = errors
  if (error !== undefined) throw new Error(`${file} cannot be parsed: ${error.message}`)
  let code = ''
  let end = 0
  for (const comment of comments) {
    code += text.slice(end, comment.start)
    // A comment on several lines keeps the code before it and after it apart.
    code += comment.value.replaceAll(/[^\n]/g, '')
    end = comment.end
  }
  code += text.slice(end)
  return code.split('\n').filter((line) => line.trim() !== '').length
}

/**
 * The column in which a file is counted. The experimental optimisers with one axis per example are no part of an
 * adapter's own size, nor is what a generator wrote. Derivatives are those that brain.js computes for its networks. What is
 * only there for GPUs has a column, too: an adapter without it is whole.
 *
 * @param {string} file - from the root
 * @returns {Column}
 */
export function columnOf(file) {
  if (/\/generated\/|_pb\.ts$/.test(file)) return 'generated'
  if (/perexample/i.test(file)) return 'per example'
  if (/\/gpu\/|webgpu|webgl/i.test(file)) return 'GPU'
  return file.startsWith('packages/brain.js/src/gradients/') ? 'derivatives' : 'code'
}

/**
 * @param {readonly string[]} files - from the root
 * @param {(file: string) => string} read
 * @returns {Map<string, Record<Column, number>>} by package
 */
export function countPackages(files, read) {
  /** @type {Map<string, Record<Column, number>>} */
  const packages = new Map()
  for (const file of files) {
    const name = /^packages\/([^/]+)\/src\/.*\.ts$/.exec(file)?.[1]
    if (name === undefined) continue
    const row = packages.get(name) ?? { code: 0, derivatives: 0, GPU: 0, 'per example': 0, generated: 0 }
    row[columnOf(file)] += countLines(read(file), file)
    packages.set(name, row)
  }
  return packages
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const packages = countPackages(listFiles(), (file) => readFileSync(join(root, file), 'utf8'))
  const print = (/** @type {string} */ name, /** @type {readonly (string | number)[]} */ cells) =>
    console.log(`${name.padEnd(14)}${cells.map((cell) => String(cell).padStart(13)).join('')}`)
  print('', columns)
  for (const [name, row] of packages)
    print(
      name,
      columns.map((column) => row[column]),
    )
}
