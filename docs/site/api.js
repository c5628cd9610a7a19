// npm run docs:api
//
// Writes the pages of the API, docs/api, from the sources and their doc comments. Fails when a public name has no page or no comment.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Application, LogLevel, ReferenceReflection } from 'typedoc'
import { publicPackages, readJson, root } from '../../scripts/workspace.js'

/** @typedef {import('typedoc').ProjectReflection} Project */
/** @typedef {import('typedoc').DeclarationReflection} Declaration */

/**
 * A public entry of a package: what an import may name.
 *
 * @typedef {object} Entry
 * @property {string} name - without the scope, such as `core/adapter`
 * @property {string} source - its file, absolute
 */

/** The folder of the pages, from the root. */
export const apiFolder = 'docs/api'

/** @returns {Entry[]} the entries of all published packages that have sources */
export function publicEntries() {
  return publicPackages().flatMap(({ folder, manifest }) => {
    const { exports } = /** @type {{ exports: Record<string, string | Record<string, string>> }} */ (
      readJson(`${folder}/package.json`)
    )
    return Object.entries(exports).flatMap(([path, targets]) => {
      const source = typeof targets === 'string' ? undefined : targets['@induced-metric/source']
      if (source === undefined) return []
      const name = join(manifest.name, path).replace('@induced-metric/', '')
      return [{ name, source: join(root, folder, source) }]
    })
  })
}

/**
 * What the public names of an entry lack.
 *
 * @param {string} entry - its name
 * @param {readonly string[]} names - that it exports, as the compiler says
 * @param {readonly Declaration[]} declarations - in it, as typedoc says
 * @param {readonly string[]} pages - paths in the folder of the API
 * @returns {string[]} as `entry: name has no page`
 */
export function findGaps(entry, names, declarations, pages) {
  return names.flatMap((name) => {
    const found = declarations.find((declaration) => declaration.name === name)
    // What an entry exports again has its page where it comes from.
    const target = found instanceof ReferenceReflection ? found.getTargetReflectionDeep() : found
    const page = new RegExp(`^${target?.parent?.name}/[a-z-]+/${target?.name}(/index)?\\.md$`)
    if (target === undefined || !pages.some((path) => page.test(path))) return [`${entry}: ${name} has no page`]
    const signatures = 'signatures' in target ? /** @type {Declaration} */ (target).signatures : undefined
    const hasComment = [target, ...(signatures ?? [])].some((one) => one.hasComment())
    return hasComment ? [] : [`${entry}: ${name} has no doc comment`]
  })
}

/** @returns {string[]} the pages that there are, as paths in the folder of the API */
function writtenPages() {
  return readdirSync(join(root, apiFolder), { recursive: true })
    .map((path) => String(path).replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.md'))
}

/** @returns {Promise<string[]>} what is missing, when all pages are written */
export async function writeApiPages() {
  const wanted = publicEntries()
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: wanted.map(({ source }) => source),
    tsconfig: join(root, 'docs/site/tsconfig.api.json'),
    // `npm run build` checks the types, with the compiler of the repository.
    skipErrorChecking: true,
    logLevel: LogLevel.Error,
    readme: 'none',
    name: 'API',
    out: join(root, apiFolder),
    excludeExternals: true,
    disableSources: true,
    disableGit: true,
    hidePageHeader: true,
    entryFileName: 'index.md',
    outputFileStrategy: 'members',
  })
  const entries = app.getEntryPoints() ?? []
  for (const entry of entries) {
    const { fileName } = entry.sourceFile
    entry.displayName = wanted.find(({ source }) => source === fileName)?.name ?? entry.displayName
  }
  const project = app.converter.convert(entries)
  rmSync(join(root, apiFolder), { recursive: true, force: true })
  await app.generateOutputs(project)
  if (app.logger.hasErrors()) throw new Error('typedoc could not write the pages of the API')
  const pages = writtenPages()
  const missing = wanted.filter(({ name }) => !entries.some(({ displayName }) => displayName === name))
  return [
    ...missing.map(({ name }) => `${name} was not read`),
    ...entries.flatMap(({ displayName, sourceFile, program }) => {
      const checker = program.getTypeChecker()
      const symbol = checker.getSymbolAtLocation(sourceFile)
      const names = symbol === undefined ? [] : checker.getExportsOfModule(symbol).map(({ name }) => name)
      const module = project.children?.find(({ name }) => name === displayName)
      const declarations = /** @type {Declaration[]} */ (module?.children ?? [])
      const silent = module?.hasComment() === true ? [] : [`${displayName} has no comment with @packageDocumentation`]
      return [...silent, ...findGaps(displayName, names, declarations, pages)]
    }),
  ]
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const gaps = await writeApiPages()
  for (const gap of gaps) console.error(gap)
  if (gaps.length > 0) process.exitCode = 1
}
