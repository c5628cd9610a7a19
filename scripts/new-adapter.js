// npm run new:adapter NAME [-- --kind typed-arrays|tensors] [-- --form update|trainer] [-- --no-install]
//
// Creates the package of a new adapter from templates/adapter, with a conformance test that fails until its functions are
// filled in, an example, a page of the docs, and entries in the build, the demonstration and the guide.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { updateArchitecture } from './architecture.js'
import { readJson, readManifest, root, run, runTool, workspaces } from './workspace.js'

const template = join(root, 'templates/adapter')
const kinds = readdirSync(template).filter((folder) => folder !== 'common' && folder !== 'trainer')
/** The forms of adapters over typed arrays. Files of the folder `trainer` replace those of the kind; an empty one removes it. */
const forms = ['update', 'trainer']

const usage = `npm run new:adapter NAME [-- --kind ${kinds.join('|')}] [-- --form ${forms.join('|')}] [-- --no-install]

NAME is the framework's, as the package is to be called: @induced-metric/NAME.

  --kind typed-arrays   weights and gradients are (or can be had as) typed arrays: a few lines around createOptimizer
  --kind tensors        tensors of the framework's own: a table of its operations
  --form update         the framework's own training calls the adapter's update (typed arrays only; the default)
  --form trainer        users create a trainer, as the framework has them, and train through it (typed arrays only)
  --no-install          leaves node_modules and package-lock.json as they are
`

/** A fault of the command line or the workspace; the message explains it. */
class Refusal extends Error {}

/**
 * The reason why a name is refused, if it is.
 *
 * @param {string} name
 * @returns {string | undefined}
 */
function nameProblem(name) {
  if (name.startsWith('@')) return `give the name without a scope: ${name.split('/').at(-1)}`
  if (!/^[a-z][a-z0-9]*([.-][a-z0-9]+)*$/.test(name) || name.length > 60) {
    return 'a name has small letters and digits, starts with a letter, and may be parted by single dots or hyphens'
  }
  const scoped = `@induced-metric/${name}`
  const taken =
    workspaces().find(({ manifest }) =>
      [scoped, `@induced-metric/example-${name}`].includes(manifest.name),
    ) ?? ['packages', 'examples'].map((folder) => ({ folder: `${folder}/${name}` })).find(exists)
  if (taken !== undefined) return `it is taken: see ${taken.folder}`
  if (name.startsWith('example-')) return 'packages of that name are examples'
  return undefined
}

/** @param {{ folder: string }} place */
function exists({ folder }) {
  return existsSync(join(root, folder))
}

/**
 * The files of the template, filled in for a name.
 *
 * @param {string} name
 * @param {string} kind
 * @param {string} form
 * @returns {Map<string, string>} text by path from the root
 */
function newFiles(name, kind, form) {
  /** @type {Record<string, string>} */
  const values = {
    name,
    // Quoted only where necessary, as the formatter does.
    key: /[.-]/.test(name) ? `'${name}'` : name,
    version: /** @type {{ version: string }} */ (readJson('lerna.json')).version,
    node: readManifest('.').engines?.node ?? '*',
  }
  const fill = (/** @type {string} */ text) =>
    text.replaceAll(/__(\w+?)__/g, (whole, key) => values[String(key)] ?? whole)
  /** @type {Map<string, string>} */
  const files = new Map()
  for (const part of ['common', kind, ...(form === 'trainer' ? [form] : [])]) {
    const folder = join(template, part)
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      files.set(fill(path.slice(folder.length + 1).replaceAll('\\', '/')), fill(readFileSync(path, 'utf8')))
    }
  }
  for (const [path, text] of files) if (text === '') files.delete(path)
  files.set(`packages/${name}/LICENSE`, readFileSync(join(root, 'LICENSE'), 'utf8'))
  return files
}

/**
 * The files of the workspace that list adapters, with the new adapter added.
 *
 * @param {string} name
 * @returns {Map<string, string>} text by path from the root
 */
function editedFiles(name) {
  const scoped = `@induced-metric/${name}`
  const { version } = /** @type {{ version: string }} */ (readJson('lerna.json'))
  /** @type {Map<string, string>} */
  const files = new Map()
  const edit = (/** @type {string} */ path, /** @type {(text: string) => string} */ change) => {
    const text = readFileSync(join(root, path), 'utf8')
    const changed = change(text)
    if (changed === text) throw new Refusal(`${path} is not as expected: there is no place for a new adapter`)
    files.set(path, changed)
  }

  const refer = (/** @type {string} */ path, /** @type {string[]} */ folders) =>
    edit(path, (text) => folders.reduce(addReference, text))
  refer('tsconfig.json', [`packages/${name}`, `examples/${name}`])
  refer('tsconfig.check.json', [`packages/${name}/test`, `examples/${name}/test`])
  refer('examples/mnist/tsconfig.json', [`../../packages/${name}`])
  edit('examples/mnist/package.json', (text) => {
    const manifest = /** @type {import('./workspace.js').Manifest} */ (JSON.parse(text))
    const dependencies = Object.entries({ ...manifest.dependencies, [scoped]: version })
    manifest.dependencies = Object.fromEntries(dependencies.sort(([a], [b]) => (a < b ? -1 : 1)))
    return `${JSON.stringify(manifest, undefined, 2)}\n`
  })
  edit('docs/README.md', (text) =>
    afterLast(
      text,
      /^\| \[.*\]\(adapters\/.*$/gm,
      `| [${name}](adapters/${name}.md) | how the adapter works, what it can do |`,
    ),
  )
  edit('docs/architecture.md', (text) =>
    afterLast(text, /^\| `[^`]+` \| the adapter for .*$/gm, `| \`${name}\` | the adapter for ${name} |`),
  )
  edit('examples/README.md', (text) =>
    afterLast(
      text,
      /^\| \[.*\| `npm run .*$/gm,
      `| [${name}](${name}) | Fits a line in ${name} | \`npm run build && node examples/${name}/dist/main.js\` |`,
    ),
  )
  return files
}

/**
 * @param {string} text - of a tsconfig, with a reference on each line
 * @param {string} folder
 * @returns {string} the text with a reference to the folder, after those to its neighbours
 */
function addReference(text, folder) {
  const lines = text.split('\n')
  const neighbours = `{ "path": "${folder.slice(0, folder.indexOf('/', folder.lastIndexOf('../') + 3) + 1)}`
  const last = lines.map((line) => line.trimStart().startsWith(neighbours)).lastIndexOf(true)
  const line = lines[last]
  if (line === undefined) return text
  const comma = line.endsWith(',') ? ',' : ''
  lines.splice(last, 1, `${line.replace(/,$/, '')},`, `    { "path": "${folder}" }${comma}`)
  return lines.join('\n')
}

/**
 * @param {string} text
 * @param {RegExp} pattern - of whole lines, global
 * @param {string} line
 * @returns {string} the text with a line after the last that fits; as it is where none does
 */
function afterLast(text, pattern, line) {
  const last = [...text.matchAll(pattern)].at(-1)
  if (last === undefined) return text
  const end = last.index + last[0].length
  return `${text.slice(0, end)}\n${line}${text.slice(end)}`
}

/**
 * Writes every file, or nothing if one file cannot be written.
 *
 * @param {Map<string, string>} added
 * @param {Map<string, string>} edited
 */
function writeAll(added, edited) {
  for (const path of added.keys()) {
    if (existsSync(join(root, path))) throw new Refusal(`${path} is there already`)
  }
  const before = new Map([...edited.keys()].map((path) => [path, readFileSync(join(root, path))]))
  try {
    for (const [path, text] of [...added, ...edited]) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    // Line breaks depend on the length of the name.
    const code = [...added.keys(), ...edited.keys()].filter((path) => /\.(ts|js|json)$/.test(path))
    const { status, output } = runTool('oxfmt', code)
    if (status !== 0) throw new Error(`oxfmt failed:\n${output}`)
    updateArchitecture()
  } catch (error) {
    for (const path of added.keys()) rmSync(join(root, path), { force: true })
    for (const folder of new Set([...added.keys()].map((path) => path.split('/').slice(0, 2).join('/')))) {
      if (/^(packages|examples)\//.test(folder) && folder !== 'examples/mnist')
        rmSync(join(root, folder), { recursive: true, force: true })
    }
    for (const [path, bytes] of before) writeFileSync(join(root, path), bytes)
    throw error
  }
}

/** Reads the command line, and creates the adapter. */
function main() {
  const { values, positionals } = parse()
  const [name] = positionals
  // npm takes options without a `--` before them for its own, and passes them in the environment.
  if (
    'npm_config_kind' in process.env ||
    'npm_config_form' in process.env ||
    process.env['npm_config_install'] === ''
  ) {
    throw new Refusal(
      `put two dashes before the options, as in npm run new:adapter ${name} -- --kind tensors`,
    )
  }
  if (name === undefined || positionals.length > 1) {
    throw new Refusal(`give one name, given ${positionals.join(' and ') || 'none'}\n\n${usage}`)
  }
  const kind = values.kind ?? 'typed-arrays'
  if (!kinds.includes(kind)) throw new Refusal(`the kind is one of ${kinds.join(' and ')}, given ${kind}`)
  const form = values.form ?? 'update'
  if (!forms.includes(form)) throw new Refusal(`the form is one of ${forms.join(' and ')}, given ${form}`)
  if (form === 'trainer' && kind !== 'typed-arrays')
    throw new Refusal('a trainer is a form of adapters over typed arrays: leave --kind out')
  const problem = nameProblem(name)
  if (problem !== undefined)
    throw new Refusal(`${JSON.stringify(name)} can't be an adapter's name: ${problem}`)

  const added = newFiles(name, kind, form)
  writeAll(added, editedFiles(name))
  if (values['no-install'] !== true) install()
  console.log(`@induced-metric/${name} is in packages/${name}.

  Fill in what says FILL IN: grep -rn "FILL IN" packages/${name} examples/${name} examples/mnist/src/frameworks/${name}.ts
  The framework:           npm install --save-dev --save-exact --workspace @induced-metric/${name} …
  Its range goes into the peerDependencies of packages/${name}/package.json.
  Until it is green:       npx vitest run --project ${name}
  All that has to pass:    npm test
  How to go on:            docs/contributing-an-adapter.md`)
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { kind: { type: 'string' }, form: { type: 'string' }, 'no-install': { type: 'boolean' } },
    })
  } catch (error) {
    throw new Refusal(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  }
}

/** Runs npm to link the new packages and to add them to the lock file. */
function install() {
  const { status, output } = run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'])
  if (status !== 0) {
    throw new Refusal(`the files are written, but npm install failed; run it again by itself:\n${output}`)
  }
}

try {
  main()
} catch (error) {
  if (!(error instanceof Refusal)) throw error
  console.error(`new:adapter: ${error.message}`)
  process.exitCode = 1
}
