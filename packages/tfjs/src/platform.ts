// Browsers, Node and others all have this; the types of any one of them would exclude the rest.
declare const console: { warn(message: string): void }

/** Writes a warning for the developer to the console. */
export function warn(message: string): void {
  console.warn(`@induced-metric/tfjs: ${message}`)
}
