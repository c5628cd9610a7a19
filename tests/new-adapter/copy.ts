import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { listFiles, root, run, workspaces } from '../../scripts/workspace.js'

/** A copy of the workspace that a test may change, with the packages installed here. */
export interface Copy {
  readonly folder: string
  /** Runs a program in the copy, such as `node` with one of its files. */
  run(command: string, ...args: string[]): { readonly status: number | null; readonly output: string }
  /** Runs an installed tool in the copy. */
  tool(name: string, ...args: string[]): { readonly status: number | null; readonly output: string }
  /** Links one of its packages as npm would. */
  link(name: string, place: string): void
  /** The changes since it was copied, in the form of `git status`. */
  changes(): string[]
}

export function copyWorkspace(): Copy {
  const folder = mkdtempSync(join(tmpdir(), 'induced-metric-workspace-'))
  for (const file of listFiles()) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    cpSync(join(root, file), join(folder, file))
  }
  // What is built here is not built there again, as long as it is up to date.
  for (const { folder: place } of workspaces()) {
    for (const built of ['dist', 'tsconfig.tsbuildinfo']) {
      if (existsSync(join(root, place, built)))
        cpSync(join(root, place, built), join(folder, place, built), { recursive: true })
    }
  }
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, '@induced-metric'), { recursive: true })
  for (const entry of readdirSync(join(root, 'node_modules'))) {
    if (entry !== '@induced-metric') symlinkSync(join(root, 'node_modules', entry), join(modules, entry))
  }
  const link = (name: string, place: string): void => symlinkSync(join(folder, place), join(modules, name))
  for (const { folder: place, manifest } of workspaces()) {
    link(manifest.name, place)
    // Versions that are not at the root.
    const own = join(root, place, 'node_modules')
    if (existsSync(own)) symlinkSync(own, join(folder, place, 'node_modules'))
  }
  const copy: Copy = {
    folder,
    run: (command, ...args) => run(command, args, { cwd: folder }),
    tool: (name, ...args) => run(join(modules, '.bin', name), args, { cwd: folder }),
    link,
    changes() {
      const { stdout } = spawnSync('git', ['status', '--porcelain', '--untracked-files=all'], {
        cwd: folder,
        encoding: 'utf8',
      })
      return stdout.split('\n').filter((line) => line !== '')
    },
  }
  copy.run('git', 'init', '--quiet')
  copy.run('git', 'add', '--all')
  // Changes are relative to a commit; after `git add` alone every file would be new.
  copy.run(
    'git', '-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '--no-verify', '--message', 'copy',
  ) // prettier-ignore
  return copy
}
