import { notAsked } from './asked.js'
import { familyOf, type Case } from './case.js'
import { casesVersion } from './cases/index.js'
import { undeclaredIn } from './checks/capabilities.js'
import { ConformanceFailure } from './compare.js'
import { checkTarget, describeFilter, runCase, seedOf, selectCases, type RunOptions } from './run.js'
import type { ConformanceTarget } from './target.js'

/** The part of a test runner that the suite uses: vitest, jest, mocha and node:test all have it. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: (name: string, body: () => Promise<void>, timeout?: number) => unknown
}

/** The options of a mounted suite. */
export interface MountOptions extends Pick<RunOptions, 'filter' | 'seed' | 'path'> {
  /** The timeout of a test in milliseconds, for runners that take it as the third argument. */
  readonly timeout?: number
}

/**
 * Mounts the suite as tests: a `describe` for the target, one for each family, an `it` for each case.
 *
 * @param target - the adapter, its manifest and the core it uses
 * @param runner - `describe` and `it` of vitest, jest, mocha or node:test
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
  for (const oneCase of selectCases(options.filter)) {
    const family = familyOf(oneCase.id)
    families.set(family, [...(families.get(family) ?? []), oneCase])
  }
  const filter = describeFilter(options.filter)
  const part = filter === undefined ? '' : `, only ${filter}`
  describe(`conformance of ${where}, suite ${casesVersion}${part}`, () => {
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
            const { status, message } = await runCase(target, oneCase, { seed, path: options.path })
            if (status === 'failed') throw new ConformanceFailure(`${oneCase.id}: ${message}`)
          }
          const title = `${oneCase.id} ${oneCase.title}${note}`
          if (options.timeout === undefined) it(title, body)
          else it(title, body, options.timeout)
        }
      })
    }
  })
}
