// How the name of a file ends while it is being written.
const suffix = '.tmp'
/** Systems write less than 2 GB in one call. */
const mostAtOnce = 2 ** 30

/**
 * Writes a file so that, whatever happens in between, either the old contents or the new are there and whole: to a
 * temporary file in the same folder, which is synced to the disk and then renamed.
 *
 * @param path where the file belongs; its folder must exist
 * @param bytes its contents
 */
export function writeFileAtomically(path: string, bytes: Uint8Array): Promise<void> {
  return writePartsAtomically(path, [{ offset: 0, bytes }])
}

/** As {@link writeFileAtomically}, of parts at given places; in between there are zeros. */
export async function writePartsAtomically(
  path: string,
  parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
): Promise<void> {
  const { open, rename, unlink } = await import('node:fs/promises')
  const paths = await import('node:path')
  const temporary = `${path}.${process.pid}-${Math.random().toString(36).slice(2, 10)}${suffix}`
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
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
  // The new name itself lies in the folder. Windows cannot sync one, and need not.
  const folder = await open(paths.dirname(path), 'r').catch(() => undefined)
  await folder?.sync().catch(() => {})
  await folder?.close()
}

/**
 * Removes what a process that was killed in the middle of {@link writeFileAtomically} has left beside `path`. Not while
 * another process may be writing there.
 */
export async function removeLeftovers(path: string): Promise<void> {
  const { readdir, rm } = await import('node:fs/promises')
  const paths = await import('node:path')
  for (const name of await readdir(paths.dirname(path))) {
    const mine =
      name.startsWith(`${paths.basename(path)}.`) &&
      /^\d+-[a-z0-9]+\.tmp$/.test(name.slice(paths.basename(path).length + 1))
    if (mine) await rm(paths.join(paths.dirname(path), name), { force: true })
  }
}
