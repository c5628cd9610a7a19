// The pages of the bases, docs/bases/NAME.md: made of the doc comments, of scripts/bases/NAME.js, of the golden vectors, and of
// what the core says about each base.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as core from '@induced-metric/core'
import { frameworks } from './base-code.js'
import { readJson, root } from './workspace.js'

/**
 * The table of a base, in scripts/bases/NAME.js.
 *
 * @typedef {object} BaseFacts
 * @property {string} direction - a phrase for the index
 * @property {readonly string[]} formula - lines of text; g is the gradient, θ the parameter, t the step from 1, η the rate
 * @property {string} source - the paper or the code that it is from
 * @property {string} [checked] - what its numbers are compared with, if it has no vectors in the fixtures of the core
 * @property {readonly string[]} conventions - what libraries do differently, and what this one does; a sentence or more each
 * @property {readonly (readonly [library: string, difference: string, how: string])[]} others - how other libraries have it,
 *   and how to get that here
 * @property {string} learningRate - for the examples
 * @property {string} [make] - the call for the examples, if the base cannot be called without arguments
 * @property {readonly string[]} [imports] - what the call needs beside the base
 * @property {boolean} [needsLoss] - whether a step needs its loss
 * @property {Readonly<Partial<Record<string, string>>>} [without] - by framework, why the base does not run there
 */

/** @typedef {{ readonly name: string, readonly make: (options?: object) => core.Preconditioner }} ExportedBase */

/** The folder of the pages, from the root. */
export const folder = 'docs/bases'

/** The folder of the golden vectors that scripts/golden makes, from the root. */
const goldenFolder = 'packages/core/test/fixtures'

/** @returns {ExportedBase[]} the bases that the core exports, in the order of their names */
export function exportedBases() {
  return Object.entries(core).flatMap(([name, value]) => {
    const { definition } = /** @type {{ definition?: object }} */ (value)
    return definition !== undefined && ('update' in definition || 'takes' in definition)
      ? [{ name, make: /** @type {ExportedBase['make']} */ (/** @type {unknown} */ (value)) }]
      : []
  })
}

/**
 * @param {string} name
 * @returns {Promise<BaseFacts>}
 */
export async function readFacts(name) {
  const path = join(root, 'scripts/bases', `${name}.js`)
  if (!existsSync(path))
    throw new Error(`the base ${name} needs a table of facts for its page: scripts/bases/${name}.js`)
  const { facts } = /** @type {{ facts: BaseFacts }} */ (await import(pathToFileURL(path).href))
  return facts
}

/**
 * @typedef {object} BaseComment
 * @property {string} text - the paragraphs before the tags
 * @property {string} options - the text of `@param options`
 * @property {string} example - its code
 */

/**
 * The doc comment of a base.
 *
 * @param {string} name
 * @returns {BaseComment}
 */
export function readComment(name) {
  const file = `packages/core/src/transformation/preconditioners/${name}.ts`
  const source = readFileSync(join(root, file), 'utf8')
  const [before] = source.split(new RegExp(`^export (?:const|function) ${name}\\b`, 'm'))
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(/** @type {string} */ (before))?.[1]
  if (comment === undefined) throw new Error(`${file}: ${name} needs a doc comment right before it`)
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, ''))
  const [text = '', ...tags] = lines.join('\n').split(/^@/m)
  const tag = (/** @type {string} */ start) =>
    tags.find((each) => each.startsWith(start))?.slice(start.length) ?? ''
  return {
    text: plain(text),
    options: plain(tag('param options')),
    example: tag('example').trim(),
  }
}

/** @param {string} text - of a comment */
function plain(text) {
  return text
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll(/\s*\n\s*/g, ' '))
    .join('\n\n')
}

/**
 * @typedef {object} SlotSize
 * @property {string} name
 * @property {number} matrix - its elements for a matrix of 512 × 256
 * @property {number} vector - its elements for a vector of 512
 */

const [rows, columns] = [512, 256]

/**
 * @param {core.Preconditioner} base - at its defaults, or as an example calls it
 * @returns {SlotSize[]} what the core keeps for it
 */
export function slotsOf(base) {
  const sizes = (/** @type {readonly number[]} */ shape) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b))
    // What goes to the fallback has none of the base's own slots.
    const options = { learningRate: 1, xi: 0, fallback: core.sgd() }
    const optimizer = core.createOptimizer(core.inducedMetric(base, options), [{ name: 'w', shape, data }], {
      engine: 'reference',
    })
    const slots = /** @type {Readonly<Record<string, ArrayLike<number>>>} */ (optimizer.slots[0])
    return Object.entries(slots).map(([slot, values]) => /** @type {const} */ ([slot, values.length]))
  }
  const [matrix, vector] = [new Map(sizes([rows, columns])), new Map(sizes([rows]))]
  return [...new Set([...matrix.keys(), ...vector.keys()])].map((name) => ({
    name,
    matrix: matrix.get(name) ?? 0,
    vector: vector.get(name) ?? 0,
  }))
}

/**
 * A base's state in words: by parameter where each slot has the parameter's shape, else as a multiple of a matrix.
 *
 * @param {readonly SlotSize[]} slots
 */
export function stateInWords(slots) {
  const arrays = slots.filter(({ matrix, vector }) => matrix !== 1 || vector > 1)
  const isElementwise = arrays.every(
    ({ matrix, vector }) => matrix === rows * columns && (vector === rows || vector === 0),
  )
  if (!isElementwise) return `× ${shareOf(slots)}`
  const numbers = slots.length - arrays.length
  const bytes = `${4 * arrays.length} bytes`
  return numbers === 0 ? bytes : `${bytes}, ${numbers === 1 ? 'one number' : `${numbers} numbers`} per tensor`
}

/** @param {readonly SlotSize[]} slots */
function shareOf(slots) {
  const share = slots.reduce((sum, slot) => sum + slot.matrix, 0) / (rows * columns)
  return Number.isInteger(share) ? String(share) : share.toPrecision(share < 1 ? 2 : 4)
}

/** @param {number} elements - of a slot */
function sizeInWords(elements) {
  const known = new Map([
    [0, 'none'],
    [1, 'one number'],
    [rows, 'one number per row'],
    [columns, 'one number per column'],
    [rows * columns, 'as the parameter'],
    [rows * rows, 'rows × rows'],
    [columns * columns, 'columns × columns'],
  ])
  return known.get(elements) ?? `${elements} numbers`
}

/** @param {readonly SlotSize[]} slots */
function stateSection(slots) {
  if (slots.length === 0) return ['None at the defaults.']
  const vector = (/** @type {number} */ n) => (n === rows ? 'as the parameter' : sizeInWords(n))
  return [
    '| slot | for a matrix | for a vector |',
    '|---|---|---|',
    ...slots.map(({ name, matrix, vector: n }) => `| \`${name}\` | ${sizeInWords(matrix)} | ${vector(n)} |`),
    '',
    stateInWords(slots).startsWith('×')
      ? `At the defaults ${shareOf(slots)} times the size of a matrix of ${rows} × ${columns}.`
      : `At the defaults ${stateInWords(slots).replace(' bytes', ' bytes per float32 parameter')}.`,
  ]
}

/**
 * Where the golden vectors of a base come from.
 *
 * @param {string} name
 * @returns {string[]}
 */
export function goldenSources(name) {
  const found = readdirSync(join(root, goldenFolder))
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const { vectors = [] } =
        /** @type {{ vectors?: readonly { base?: { name: string }, source?: string }[] }} */ (
          readJson(`${goldenFolder}/${file}`)
        )
      return vectors.flatMap(({ base, source }) =>
        base?.name === name && source !== undefined ? [source] : [],
      )
    })
  return [...new Set(found)]
}

/**
 * @param {ExportedBase} base
 * @returns {Promise<string>} its page, in markdown
 */
export async function renderBase({ name, make }) {
  const facts = await readFacts(name)
  const comment = readComment(name)
  const base = facts.make === undefined ? make() : undefined
  const sources = goldenSources(name)
  const checked = facts.checked === undefined ? [] : [facts.checked]
  const list = (/** @type {readonly string[]} */ items) => items.map((item) => `- ${item}`)
  const sections = [
    [
      `# \`${name}\``,
      '',
      '<!-- Written by npm run docs:bases: edit the doc comment or scripts/bases instead. -->',
    ],
    [comment.text],
    ['```text', ...facts.formula, '```'],
    [
      'g is the gradient, θ the parameter, t the number of the step from 1, and η the learning rate; the step of the plain base is −η·direction.',
    ],
    [`**Source.** ${facts.source}`],
    [
      '**Compared with**, to 1e-12 in float64 and 2e-5 in float32:',
      '',
      ...list([...checked, ...sources.map((source) => source.replace(/\.$/, ''))]),
    ],
    ['## Options'],
    ...(base === undefined ? [] : [[`\`${callWithDefaults(base)}\``]]),
    list(optionsOf(comment.options)),
    [comment.example],
    ['## State'],
    base === undefined ? ['That of its base, and what is said above.'] : stateSection(slotsOf(base)),
    ...(facts.conventions.length + facts.others.length === 0 ? [] : [['## Conventions']]),
    ...(facts.conventions.length === 0 ? [] : [list(facts.conventions)]),
    ...(facts.others.length === 0
      ? []
      : [
          [
            '| elsewhere | the difference | how to get it here |',
            '|---|---|---|',
            ...facts.others.map((cells) => `| ${cells.join(' | ')} |`),
          ],
        ]),
    ['## In code'],
    // On the site the sections between these marks are tabs.
    ['<!-- tabs -->'],
    ...frameworks.flatMap((framework) => [
      [`### In ${framework.name}`],
      facts.without?.[framework.name] === undefined
        ? ['```ts', ...framework.code(name, facts), '```']
        : [/** @type {string} */ (facts.without[framework.name])],
    ]),
    ['<!-- end of tabs -->'],
    ['[All bases](../bases.md) · [The options of `inducedMetric`](../README.md#the-options)'],
  ]
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

/** @param {core.Preconditioner} base */
export function callWithDefaults({ name, hyperparameters }) {
  const defaults = Object.entries(hyperparameters)
    .map(([key, value]) => `${key}: ${JSON.stringify(value).replaceAll('"', "'")}`)
    .join(', ')
  return `${name}(${defaults === '' ? '' : `{ ${defaults} }`})`
}

/** @param {string} text - of `@param options`: an entry for each, with semicolons between them */
function optionsOf(text) {
  return text === '' ? [] : text.split(/;\s+/)
}
