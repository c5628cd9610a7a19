import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'

/** Stores values in files, so that a run that was stopped, and the next one, need not make them again. */
export function createStore(folder: string) {
  return async <T>(key: string, make: () => Promise<T>): Promise<T> => {
    const file = join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 24)}.bin`)
    try {
      return deserialize(await readFile(file)) as T
    } catch {
      // Not there, or cut off.
    }
    const value = await make()
    await mkdir(folder, { recursive: true })
    const unfinished = `${file}.${process.pid}`
    await writeFile(unfinished, serialize(value))
    await rename(unfinished, file)
    return value
  }
}
