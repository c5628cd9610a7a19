// Pages of the API, from the sources and their doc comments, by typedoc.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Application, LogLevel } from 'typedoc'
import { publicPackages, readJson, root } from '../../scripts/workspace.js'
import { findGaps } from './gaps.js'

/** @typedef {Partial<import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions>} Options */

/**
 * A public entry of a package: what an import may name.
 *
 * @typedef {object} Entry
 * @property {string} name - without the scope, such as `core/adapter`
 * @property {string} source - its file, absolute
 */

/** The folder of the pages, from the root. */
const apiFolder = 'docs/api'

/** @returns {Entry[]} the entries of all published packages that have sources */
function publicEntries() {
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

/** @returns {string[]} the pages that there are, as paths in the folder of the API */
function writtenPages() {
  return readdirSync(join(root, apiFolder), { recursive: true })
    .map((path) => String(path).replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.md'))
}

/**
 * Writes the pages.
 *
 * @throws when a public name has no page or no doc comment, or an entry has no comment
 */
export async function writeApiPages() {
  const wanted = publicEntries()
  /** @satisfies {Options} */
  const options = {
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
    router: 'member',
    indexFormat: /** @type {const} */ ('table'),
  }
  const app = await Application.bootstrapWithPlugins(options)
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
  const gaps = [
    ...missing.map(({ name }) => `${name} was not read`),
    ...entries.flatMap(({ displayName, sourceFile, program }) => {
      const checker = program.getTypeChecker()
      const symbol = checker.getSymbolAtLocation(sourceFile)
      const names = symbol === undefined ? [] : checker.getExportsOfModule(symbol).map(({ name }) => name)
      const module = project.children?.find(({ name }) => name === displayName)
      const declarations = module?.children ?? []
      const silent =
        module?.hasComment() === true ? [] : [`${displayName} has no comment with @packageDocumentation`]
      return [...silent, ...findGaps(displayName, names, declarations, pages)]
    }),
  ]
  if (gaps.length > 0) throw new Error(`the API is not complete:\n${gaps.join('\n')}`)
}
