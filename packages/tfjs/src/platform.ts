// What browsers, Node and others have in common, without the types of any one of them.
declare const console: { warn(message: string): void }

/** Tells the developer. */
export function warn(message: string): void {
  console.warn(`@induced-metric/tfjs: ${message}`)
}
