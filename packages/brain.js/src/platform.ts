// What browsers, Node and others have in common, without the types of any one of them.
declare const console: { warn(message: string): void }
declare const setTimeout: (callback: () => void, milliseconds: number) => unknown

/** Tells the developer. */
export function warn(message: string): void {
  console.warn(`@induced-metric/brain.js: ${message}`)
}

/** Gives everything else a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0)
  })
}
