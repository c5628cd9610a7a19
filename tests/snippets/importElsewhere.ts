import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs a module in a temporary folder, where a snippet saves its files. */
export async function importElsewhere(path: string): Promise<void> {
  const home = process.cwd()
  const scratch = mkdtempSync(join(tmpdir(), 'induced-metric-snippet-'))
  process.chdir(scratch)
  try {
    await import(path)
  } finally {
    process.chdir(home)
    rmSync(scratch, { recursive: true, force: true })
  }
}
