/** What the command line uses of the world around it. */
export interface Surroundings {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: NodeJS.WritableStream
  /** Aborted when the user wants it to end: what is running is waited for. */
  readonly signal: AbortSignal
  /** Is given what must be undone before the process ends at once, such as a hidden cursor. */
  readonly onRelease?: (release: () => void) => void
}
