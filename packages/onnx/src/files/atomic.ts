import { optionError, show } from '@induced-metric/core/adapter'
import { importNode } from '../node.js'

// The end of a file's name while it is being written.
const suffix = '.tmp'
/** Some systems write less than 2 GB in one call. */
const mostAtOnce = 2 ** 30

/** Bytes at given offsets of a file; the gaps are zeros. */
export type Parts = readonly { readonly offset: number; readonly bytes: Uint8Array }[]

/**
 * Writes a file so that, whatever happens, either the old or the new contents are there and complete: it writes a
 * temporary file in the same folder, syncs it to the disk and then renames it.
 *
 * @param path the file; its folder must exist
 * @param contents its contents, as a whole or in parts
 */
export async function writeFileAtomically(path: string, contents: Uint8Array | Parts): Promise<void> {
  const temporary = temporaryName(path, createTag())
  await writeTemporary(
    temporary,
    contents instanceof Uint8Array ? [{ offset: 0, bytes: contents }] : contents,
  )
  await moveTemporary(temporary, path).catch((error: unknown) => discard(temporary, error))
}

/** Creates a tag that tells one temporary file of a path from another. */
export function createTag(): string {
  return `${process.pid}-${Math.random().toString(36).slice(2, 10)}`
}

/** Whether a text can be a tag. A tag contains no path separator, so it cannot name a folder. */
export function isTag(text: unknown): text is string {
  return typeof text === 'string' && /^\d+-[a-z0-9]+$/.test(text)
}

/** The name of a file while its contents are being written. */
export function temporaryName(path: string, tag: string): string {
  if (typeof path !== 'string') {
    throw optionError(`a path must be a string, given ${show(path)}`)
  }
  return `${path}.${tag}${suffix}`
}

/** Writes a new file and syncs it to the disk. If that fails, the file is removed. */
export async function writeTemporary(temporary: string, parts: Parts): Promise<void> {
  const { open } = await importNode('node:fs/promises')
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

/** Renames a temporary file to its final name, and syncs the name to the disk, too. */
export async function moveTemporary(temporary: string, path: string): Promise<void> {
  const { open, rename } = await importNode('node:fs/promises')
  const paths = await importNode('node:path')
  await rename(temporary, path)
  // The new name is stored in the folder. Windows cannot sync a folder, and need not.
  const folder = await open(paths.dirname(path), 'r').catch(() => undefined)
  await folder?.sync().catch(() => {})
  await folder?.close().catch(() => {})
}

/** Removes a temporary file, and throws the error that made it useless. */
export async function discard(temporary: string, error: unknown): Promise<never> {
  const { unlink } = await importNode('node:fs/promises')
  await unlink(temporary).catch(() => {})
  throw error
}

/** The temporary files of a path that killed processes have left behind. */
export async function leftovers(path: string): Promise<readonly string[]> {
  const { readdir } = await importNode('node:fs/promises')
  const paths = await importNode('node:path')
  const [folder, start] = [paths.dirname(path), `${paths.basename(path)}.`]
  const isMine = (name: string): boolean =>
    name.startsWith(start) && name.endsWith(suffix) && isTag(name.slice(start.length, -suffix.length))
  return (await readdir(folder)).filter(isMine).map((name) => paths.join(folder, name))
}
