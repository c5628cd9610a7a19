import type * as fileSystem from 'node:fs/promises'
import { expect } from 'vitest'

// A process that ends between two changes of the file system: from some change on, no more are made.

/** The number of changes before the process ends. */
export const disk = { left: Infinity }

/** The file system of a process that ends once no change is left. Mock `node:fs/promises` with it. */
export function endingDisk(fs: typeof fileSystem): typeof fileSystem {
  const ending = <Args extends unknown[], T>(change: (...args: Args) => Promise<T>) => {
    return async (...args: Args): Promise<T> => {
      if (disk.left <= 0) throw new Error('the process has ended')
      disk.left--
      return change(...args)
    }
  }
  return {
    ...fs,
    rename: ending(fs.rename),
    unlink: ending(fs.unlink),
    rm: ending(fs.rm),
    open: ending(async (...args: Parameters<typeof fs.open>) => {
      const file = await fs.open(...args)
      file.write = ending(file.write.bind(file)) as typeof file.write
      return file
    }),
  }
}

/** Ends the process after more and more changes, until it survives to the end. `check` inspects the result of each. */
export async function endEverywhere(
  before: () => Promise<void>,
  act: () => Promise<unknown>,
  check: () => unknown,
): Promise<number> {
  for (let changes = 0; ; changes++) {
    await before()
    disk.left = changes
    const isDone = await act().then(
      () => true,
      (error: unknown) => {
        expect(String(error)).toMatch(/the process has ended/)
        return false
      },
    )
    disk.left = Infinity
    await check()
    if (isDone) return changes
  }
}
