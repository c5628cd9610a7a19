import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { publicPackages, root, run, runTool } from './workspace.js'

/** @typedef {{ name: string, folder: string, tarball: string, files: string[] }} Packed */

/**
 * Builds the workspace and packs every published package, as publishing would.
 *
 * @param {string} destination - an existing folder for the tarballs
 * @returns {Packed[]} one for each package, `files` being the paths inside the tarball
 */
export function packAll(destination) {
  const packages = publicPackages()
  for (const { folder } of packages) removeLeftovers(join(root, folder))
  const built = runTool('tsc', ['-b', ...packages.map(({ folder }) => folder)])
  if (built.status !== 0) throw new Error(`tsc -b failed:\n${built.output}`)
  for (const { folder, manifest } of packages) {
    // npm leaves scripts out here, as .npmrc tells it to, so the package's own is run by name.
    if (manifest.scripts?.prepack === undefined) continue
    const made = run('npm', ['run', '--silent', 'prepack', '--workspace', folder])
    if (made.status !== 0) throw new Error(`npm run prepack of ${folder} failed:\n${made.output}`)
  }
  // One call for all: npm takes a second to start.
  const places = packages.map(({ folder }) => `./${folder}`)
  const packed = run('npm', ['pack', '--json', '--silent', '--pack-destination', destination, ...places])
  if (packed.status !== 0) throw new Error(`npm pack failed:\n${packed.output}`)
  const entries = /** @type {{ name: string, filename: string, files: { path: string }[] }[]} */ (
    JSON.parse(packed.output.slice(packed.output.indexOf('[')))
  )
  return packages.map(({ folder, manifest: { name } }) => {
    const entry = entries.find((candidate) => candidate.name === name)
    if (entry === undefined) throw new Error(`npm pack made nothing of ${folder}:\n${packed.output}`)
    const tarball = join(destination, entry.filename)
    return { name, folder, tarball, files: entry.files.map(({ path }) => path) }
  })
}

/**
 * Removes builds of deleted sources, which would be packed otherwise.
 *
 * @param {string} folder - of the package
 */
function removeLeftovers(folder) {
  const dist = join(folder, 'dist')
  if (!existsSync(dist)) return
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const source = file.replace(/\.(d\.ts|js)(\.map)?$/, '.ts')
    if (source !== file && !existsSync(join(folder, 'src', source))) rmSync(join(dist, file))
  }
}
