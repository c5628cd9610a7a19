import { InducedMetricError } from '@induced-metric/core'
import { shown } from '../errors.js'

// How the name of a file ends while it is being written.
const suffix = '.tmp'
/** Systems write less than 2 GB in one call. */
const mostAtOnce = 2 ** 30

/** Bytes for given places in a file; in between there are zeros. */
export type Parts = readonly { readonly offset: number; readonly bytes: Uint8Array }[]

/**
 * Writes a file so that, whatever happens in between, either the old contents or the new are there and whole: to a
 * temporary file in the same folder, which is synced to the disk and then renamed.
 *
 * @param path where the file belongs; its folder must exist
 * @param bytes its contents
 */
export async function writeFileAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryName(path, createTag())
  await writeTemporary(temporary, [{ offset: 0, bytes }])
  await moveTemporary(temporary, path).catch((error: unknown) => discard(temporary, error))
}

/** Tells one temporary file of a path from another. */
export function createTag(): string {
  return `${process.pid}-${Math.random().toString(36).slice(2, 10)}`
}

/** Whether a text can be a tag: then it names no folder. */
export function isTag(text: unknown): text is string {
  return typeof text === 'string' && /^\d+-[a-z0-9]+$/.test(text)
}

/** Where the contents of a path are before they have their place. */
export function temporaryName(path: string, tag: string): string {
  if (typeof path !== 'string') {
    throw new InducedMetricError('ERR_OPTION', `a path must be a string, given ${shown(path)}`)
  }
  return `${path}.${tag}${suffix}`
}

/** Writes a new file, which is then on the disk, or is not there where that fails. */
export async function writeTemporary(temporary: string, parts: Parts): Promise<void> {
  const { open } = await import('node:fs/promises')
  const file = await open(temporary, 'wx')
  try {
    try {
      for (const { offset, bytes } of parts) {
        for (let done = 0; done < bytes.length;) {
          const length = Math.min(mostAtOnce, bytes.length - done)
          done += (await file.write(bytes, done, length, offset + done)).bytesWritten
        }
      }
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    await discard(temporary, error)
  }
}

/** Gives a file its name, which is then on the disk, too. */
export async function moveTemporary(temporary: string, path: string): Promise<void> {
  const { open, rename } = await import('node:fs/promises')
  const paths = await import('node:path')
  await rename(temporary, path)
  // The new name itself lies in the folder. Windows cannot sync one, and need not.
  const folder = await open(paths.dirname(path), 'r').catch(() => undefined)
  await folder?.sync().catch(() => {})
  await folder?.close().catch(() => {})
}

/** Removes a temporary file, and throws what made it useless. */
export async function discard(temporary: string, error: unknown): Promise<never> {
  const { unlink } = await import('node:fs/promises')
  await unlink(temporary).catch(() => {})
  throw error
}

/** The temporary files of a path: what processes that were killed have left. */
export async function leftovers(path: string): Promise<readonly string[]> {
  const { readdir } = await import('node:fs/promises')
  const paths = await import('node:path')
  const [folder, start] = [paths.dirname(path), `${paths.basename(path)}.`]
  const isMine = (name: string): boolean =>
    name.startsWith(start) && name.endsWith(suffix) && isTag(name.slice(start.length, -suffix.length))
  return (await readdir(folder)).filter(isMine).map((name) => paths.join(folder, name))
}
