// What browsers, Node and others have in common, without the types of any one of them.
declare const console: { warn(message: string): void }
declare const setTimeout: (callback: () => void, milliseconds: number) => unknown

/** Warns the developer. */
export function warn(message: string): void {
  console.warn(`@induced-metric/brain.js: ${message}`)
}

/** Calls a function until it returns false, and lets other tasks run before each call. */
export async function repeatByTurns(run: () => boolean): Promise<void> {
  do {
    await new Promise<void>((resolve) => {
      setTimeout(resolve, 0)
    })
  } while (run())
}
