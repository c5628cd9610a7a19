import { readFile, stat } from 'node:fs/promises'
import { UsageError } from './usageError.js'

/** What a command works with. */
export interface Surroundings {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WritableStream
  /** Raised to stop after the step under way. */
  readonly signal: AbortSignal
  /** Given a function that sets the terminal right when the program must end in the middle of a run. */
  readonly onRelease?: (release: () => void) => void
}

/**
 * Reads a file that was named on the command line.
 *
 * @throws UsageError when it cannot be read
 */
export async function readGiven(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Whether a path is that of a file. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

/** Whether there is something at a path. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
