/**
 * Creates a function that runs calls one at a time and in order, because they work on the same memory. A call that fails
 * does not stop the next one.
 *
 * @param check runs before each call; if it throws, so does the call
 */
export function createQueue(check: () => void): <T>(body: () => T | Promise<T>) => Promise<T> {
  let pending: Promise<unknown> = Promise.resolve()
  return (body) => {
    const result = pending.then(async () => {
      check()
      return body()
    })
    pending = result.catch(() => undefined)
    return result
  }
}
