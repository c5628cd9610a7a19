import { access, constants, readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { UsageError } from './usageError.js'

/** The surroundings of a command. */
export interface Surroundings {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WritableStream
  /** Aborted to stop after the current step. */
  readonly signal: AbortSignal
  /** Receives a function that restores the terminal, in case the program must end in the middle of a run. */
  readonly onRelease?: (release: () => void) => void
}

/**
 * Reads a file that was named on the command line.
 *
 * @throws UsageError if it cannot be read
 */
export async function readGiven(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Whether a path leads to a file. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

/** Whether a path exists. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/**
 * Checks where a result goes, before the work rather than after it.
 *
 * @param flag the flag that names the folder
 * @param folder it need not be there yet
 * @throws UsageError if it is no folder, or nothing can be written there
 */
export async function checkWritable(flag: string, folder: string): Promise<void> {
  let place = resolve(folder)
  while (!(await exists(place)) && dirname(place) !== place) place = dirname(place)
  if (!(await stat(place)).isDirectory()) throw new UsageError(`${flag}: ${place} is a file; give a folder`)
  try {
    await access(place, constants.W_OK)
  } catch {
    throw new UsageError(`${flag}: nothing can be written to ${place}; name another place`)
  }
}
