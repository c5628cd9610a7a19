// npm run release [-- --dry-run | -- --publish]
//
// Runs every check, packs the packages, and shows what would be published. Nothing is published without --publish.
// --dry-run leaves the tests out: it builds, checks the packed packages and shows them, and needs no network.
//
// The versions and the changelog come before this, in a commit of their own: npm run release:version
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { checkPackages } from './check-packages.js'
import { packAll } from './pack.js'
import { readJson, readManifest, run } from './workspace.js'

/** @typedef {import('./pack.js').Packed} Packed */

/** Why there is no release; the message says what to do. */
class Refusal extends Error {}

/**
 * Packages in the order in which they are published: each after those that it depends on, so that nobody can install
 * one whose dependency is not there yet.
 *
 * @template {{ name: string, dependencies: readonly string[] }} T
 * @param {readonly T[]} packages
 * @returns {T[]}
 */
export function publishOrder(packages) {
  /** @type {T[]} */
  const order = []
  const add = (/** @type {T} */ one, /** @type {readonly string[]} */ above) => {
    if (above.includes(one.name))
      throw new Error(`packages depend on each other: ${[...above, one.name].join(' → ')}`)
    if (order.includes(one)) return
    for (const name of one.dependencies) {
      const other = packages.find((candidate) => candidate.name === name)
      if (other !== undefined) add(other, [...above, one.name])
    }
    order.push(one)
  }
  for (const one of packages) add(one, [])
  return order
}

/**
 * What publishing would need that is not so: everything committed, and the tag of the version on this commit.
 *
 * @param {{ status: string, tags: readonly string[], version: string }} state - `status` as of `git status --porcelain`
 * @returns {string | undefined}
 */
export function publishProblem({ status, tags, version }) {
  if (status.trim() !== '') return `commit or discard these changes first:\n${status.trimEnd()}`
  if (!tags.includes(`v${version}`))
    return `this commit has no tag v${version}: run \`npm run release:version\`, or check out the tag`
  return undefined
}

function options() {
  const { values } = parseArgs({
    options: { 'dry-run': { type: 'boolean', default: false }, publish: { type: 'boolean', default: false } },
  })
  if (values['dry-run'] && values.publish) throw new Refusal('give --dry-run or --publish, not both')
  return { isDryRun: values['dry-run'], publishes: values.publish }
}

/** @param {readonly Packed[]} packed */
function show(packed) {
  for (const { name, tarball, files } of packed) {
    const size = (statSync(tarball).size / 1024).toFixed(0).padStart(6)
    console.log(`${name.padEnd(30)}${String(files.length).padStart(5)} files${size} kB packed`)
  }
}

/** @param {string[]} args */
function git(...args) {
  const { status, output } = run('git', args)
  if (status !== 0) throw new Refusal(`git ${args.join(' ')} failed:\n${output}`)
  return output
}

/**
 * Publishes a packed package, unless the registry has its version already: a release that stopped halfway goes on.
 *
 * @param {Packed} packed
 * @param {string} version
 */
function publish({ name, tarball }, version) {
  const known = run('npm', ['view', `${name}@${version}`, 'version'])
  if (known.status === 0 && known.output.includes(version)) {
    console.log(`${name} ${version} is published already`)
    return
  }
  // Provenance needs the identity of a workflow, which no other place has.
  const provenance = process.env['GITHUB_ACTIONS'] === 'true' ? ['--provenance'] : []
  const { status, output } = run('npm', ['publish', tarball, '--access', 'public', ...provenance])
  if (status !== 0)
    throw new Refusal(`npm publish of ${name} failed; run it again to go on there:\n${output}`)
  console.log(`${name} ${version} published`)
}

async function main() {
  const { isDryRun, publishes } = options()
  const { version } = /** @type {{ version: string }} */ (readJson('lerna.json'))
  if (publishes) {
    const tags = git('tag', '--points-at', 'HEAD').split('\n')
    const problem = publishProblem({ status: git('status', '--porcelain'), tags, version })
    if (problem !== undefined) throw new Refusal(problem)
  }
  if (!isDryRun && run('npm', ['test'], { shows: true }).status !== 0) throw new Refusal('npm test failed')

  const folder = mkdtempSync(join(tmpdir(), 'induced-metric-release-'))
  try {
    const packed = publishOrder(
      packAll(folder).map((one) => ({
        ...one,
        dependencies: Object.keys(readManifest(one.folder).dependencies ?? {}),
      })),
    )
    if (isDryRun && (await checkPackages(packed)) > 0)
      throw new Refusal('the packed packages have the faults above')
    console.log(`\nVersion ${version}, in this order:`)
    show(packed)
    if (publishes) for (const one of packed) publish(one, version)
    else console.log('\nNothing was published. To publish: npm run release -- --publish')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    console.error(`release: ${error.message}`)
    process.exitCode = 1
  }
}
