import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { configDefaults, defineProject } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// The source condition, before Vite's default conditions in Node.
const conditions = ['@induced-metric/source', 'module', 'node', 'development|production']

/** Browser tests use a real Chromium and run separately: `npm run test:browser`. */
export const browserTests = '**/*.browser.test.ts'

/** Tests that take a minute, which contributors seldom need: `npm run test:slow`. */
export const slowTests = '**/*.slow.test.ts'

/**
 * The settings that all projects share. Workspace packages resolve to their sources, so that no test needs a build.
 *
 * @param name - the name for `vitest run --project <name>`
 * @param overrides - further vitest options of this project
 */
export function project(name: string, overrides: ProjectOptions = {}): ReturnType<typeof defineProject> {
  return defineProject({
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name,
      include: ['**/*.test.ts'],
      exclude: [...configDefaults.exclude, browserTests, slowTests, '**/dist/**'],
      pool: 'forks',
      // The slowest take half a minute on two idle cores, and machines of CI can be several times slower.
      testTimeout: 240_000,
      hookTimeout: 240_000,
      ...overrides,
    },
  })
}

/**
 * The reporters of a run. If VITEST_RESULTS names a directory, a JSON report is written there as well, for counting.
 *
 * @param run - the name of the run, which names its report
 */
export function reporting(run: string) {
  const directory = process.env['VITEST_RESULTS']
  if (directory === undefined || directory === '')
    return { reporters: ['default'], silent: 'passed-only' as const }
  return {
    reporters: ['default', 'json'],
    outputFile: { json: join(directory, `${run}.json`) },
    silent: 'passed-only' as const,
  }
}

/**
 * The order of test files in which those that take longest are begun first, so that no core is idle at the end. A new clone has no
 * times of an earlier run to go by. The files of a project stay together, since they share modules.
 *
 * @param longest - their paths from the root, longest first. Projects that have none of them come last
 */
export function longestFirst(longest: readonly string[]) {
  const gone = longest.filter((file) => !existsSync(join(import.meta.dirname, file)))
  if (gone.length > 0)
    throw new Error(`a list of the longest test files names ${gone.join(', ')}, which is gone`)
  const rankOf = ({ moduleId }: TestSpecification): number => {
    const place = longest.findIndex((file) => moduleId.endsWith(`/${file}`))
    return place === -1 ? longest.length : place
  }
  return class LongestFirst extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      const projects = new Map<string, number>()
      for (const file of files) {
        const { name } = file.project
        projects.set(name, Math.min(rankOf(file), projects.get(name) ?? Infinity))
      }
      const sorted = await super.sort(files)
      return sorted.sort(
        (a, b) => projects.get(a.project.name)! - projects.get(b.project.name)! || rankOf(a) - rankOf(b),
      )
    }
  }
}

type ProjectOptions = NonNullable<Extract<Parameters<typeof defineProject>[0], { test?: unknown }>['test']>
