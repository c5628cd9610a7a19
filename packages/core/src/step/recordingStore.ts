/**
 * Keeps what is recorded of the core's own definitions for later optimisers, by texts on which it depends. A recording takes
 * longer than many steps on few weights.
 *
 * @returns a function that records what it does not have; always where the text is `undefined`
 */
export function createRecordingStore<T>(): (text: string | undefined, record: () => T) => T {
  const kept = new Map<string, T>()
  return (text, record) => {
    if (text === undefined) return record()
    let found = kept.get(text)
    if (found === undefined) kept.set(text, (found = record()))
    return found
  }
}
