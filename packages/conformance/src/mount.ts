import { notAsked } from './asked.js'
import { familyOf, type Case } from './case.js'
import { casesVersion } from './cases/index.js'
import { undeclaredIn } from './checks/capabilities.js'
import { ConformanceFailure } from './compare.js'
import { askCase, checkTarget, seedOf, type RunOptions } from './run.js'
import { describePart, selectCases } from './selection.js'
import type { ConformanceTarget } from './target.js'

type Mount = (name: string, body: () => Promise<void>, timeout?: number) => unknown

/** The part of a test runner that the suite uses: vitest, jest, mocha, node:test, bun:test and Deno's `bdd` all have it. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown
  /** Cases that the target is not asked are mounted by `it.skip`, if the runner has it. */
  readonly it: Mount & { readonly skip?: Mount }
}

/** The options of a mounted suite. */
export interface MountOptions extends Pick<RunOptions, 'filter' | 'shard' | 'seed' | 'path' | 'thorough'> {
  /** The timeout of a test in milliseconds, for runners that take it as the third argument. */
  readonly timeout?: number
}

/**
 * Mounts the suite as tests: a `describe` for the target, one for each family, an `it` for each case.
 *
 * @param target - the adapter, its manifest and the core it uses
 * @param runner - `describe` and `it` of vitest, jest, mocha, node:test, bun:test, or Deno's `@std/testing/bdd`
 * @throws TypeError if the target is invalid, RangeError if a filter leaves no case
 *
 * @example
 * ```ts no-run
 * import { describe, it } from 'node:test'
 * import { mountConformance, type ConformanceTarget } from '@induced-metric/conformance'
 *
 * declare const target: ConformanceTarget
 * mountConformance(target, { describe, it })
 * ```
 */
export function mountConformance(
  target: ConformanceTarget,
  runner: TestRunner,
  options: MountOptions = {},
): void {
  checkTarget(target)
  const seed = seedOf(options.seed)
  const { describe, it } = runner
  const { name, version, framework, backend } = target.manifest
  const where = [
    `${name} ${version}`,
    ...(backend === undefined ? [] : [`on ${backend}`]),
    ...(framework === undefined ? [] : [`(${framework.name} ${framework.version})`]),
  ].join(' ')
  const families = new Map<string, Case[]>()
  for (const oneCase of selectCases(options.filter, options.thorough, options.shard)) {
    const family = familyOf(oneCase.id)
    families.set(family, [...(families.get(family) ?? []), oneCase])
  }
  const chosen = [...families.values()].flat()
  const idle = chosen.filter((oneCase) => notAsked(target, oneCase) !== undefined).length
  const refusals = chosen.filter((oneCase) => isToBeRefused(target, oneCase)).length
  const counts = [
    `${chosen.length - idle - refusals} cases to pass`,
    ...(refusals === 0 ? [] : [`${refusals} to be refused`]),
    ...(idle === 0 ? [] : [`${idle} not asked`]),
  ].join(', ')
  const only = describePart(options)
  const part = only === undefined ? '' : `, only ${only}`
  describe(`conformance of ${where}, suite ${casesVersion}${part}: ${counts}`, () => {
    for (const [family, members] of families) {
      describe(family, () => {
        for (const oneCase of members) {
          const reason = notAsked(target, oneCase)
          const missing = undeclaredIn(target.manifest, oneCase)
          const note =
            reason !== undefined
              ? ` (not asked: ${reason})`
              : missing === undefined
                ? ''
                : ` (${missing} is not declared: must be refused)`
          const body = async (): Promise<void> => {
            const { result, error } = await askCase(target, oneCase, { seed, path: options.path })
            const { status, message } = result
            if (status === 'failed')
              throw new ConformanceFailure(`${oneCase.id}: ${message}`, { cause: error })
          }
          const title = `${oneCase.id} ${oneCase.title}${note}`
          const mount = reason !== undefined && it.skip !== undefined ? it.skip : it
          if (options.timeout === undefined) mount(title, body)
          else mount(title, body, options.timeout)
        }
      })
    }
  })
}

/** Whether the manifest leaves out what a case needs, so that the target has to refuse it. */
function isToBeRefused(target: ConformanceTarget, oneCase: Case): boolean {
  return notAsked(target, oneCase) === undefined && undeclaredIn(target.manifest, oneCase) !== undefined
}
