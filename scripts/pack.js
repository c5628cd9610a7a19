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
  return packages.map(({ folder, manifest }) => {
    // npm leaves scripts out here, as .npmrc tells it to, so the package's own is run by name.
    if (manifest.scripts?.prepack !== undefined) {
      const made = run('npm', ['run', '--silent', 'prepack', '--workspace', folder])
      if (made.status !== 0) throw new Error(`npm run prepack of ${folder} failed:\n${made.output}`)
    }
    const packed = run('npm', [
      'pack',
      '--json',
      '--silent',
      '--pack-destination',
      destination,
      `./${folder}`,
    ])
    if (packed.status !== 0) throw new Error(`npm pack ${folder} failed:\n${packed.output}`)
    const [entry] = /** @type {{ filename: string, files: { path: string }[] }[]} */ (
      JSON.parse(packed.output.slice(packed.output.indexOf('[')))
    )
    if (entry === undefined) throw new Error(`npm pack ${folder} made nothing:\n${packed.output}`)
    const tarball = join(destination, entry.filename)
    return { name: manifest.name, folder, tarball, files: entry.files.map(({ path }) => path) }
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
