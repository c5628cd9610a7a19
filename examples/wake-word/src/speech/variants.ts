import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { cp, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

let copy: Promise<string> | undefined
const files = new Map<string, Promise<void>>()

/**
 * Installs a variant in a copy of espeak-ng's data, which is removed when the process ends.
 *
 * @param name of the variant
 * @param definition the text of its file
 * @returns what `espeak-ng --path` takes
 */
export async function installed(name: string, definition: string): Promise<string> {
  copy ??= copyData()
  const folder = await copy
  const file = files.get(name) ?? writeFile(join(folder, 'espeak-ng-data', 'voices', '!v', name), definition)
  files.set(name, file)
  await file
  return folder
}

async function copyData(): Promise<string> {
  const { stdout } = await run('espeak-ng', ['--version'])
  const data = /Data at: (.+)/.exec(stdout)?.[1]?.trim()
  if (data === undefined) throw new Error(`espeak-ng does not say where its data is, only: ${stdout.trim()}`)
  const folder = await mkdtemp(join(tmpdir(), 'wake-word-voices-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await cp(data, join(folder, 'espeak-ng-data'), { recursive: true })
  return folder
}
