import { readFile, stat } from 'node:fs/promises'
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
