import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Recorded results of the genuine runtime on the small network. This package is compared with them where the runtime
 * is not installed.
 */
export interface Recording {
  /** The release that was recorded. */
  readonly runtime: string
  /** From the first weights, 20 steps of AdamW: the loss before each, and the parameters after the last. */
  readonly run: { readonly losses: readonly number[]; readonly parameters: readonly number[] }
  /** The checkpoint that the genuine runtime wrote after five of them, in base64, and its next three steps. */
  readonly written: Continuation
  /** A checkpoint that this package wrote after five steps, in base64, and the genuine runtime's next three. */
  readonly read: Continuation
}

/** A checkpoint after five steps, the losses of the next three, and the parameters after them. */
export interface Continuation {
  readonly checkpoint: string
  readonly losses: readonly number[]
  readonly parameters: readonly number[]
}

const file = fileURLToPath(new URL('../fixtures/genuine.json', import.meta.url))

/** The recording in the fixtures. */
export function readRecording(): Recording {
  return JSON.parse(readFileSync(file, 'utf8')) as Recording
}

/** Writes a new recording to the fixtures. */
export function writeRecording(recording: Recording): void {
  writeFileSync(file, `${JSON.stringify(recording)}\n`)
}
