/** Within this time a signal that comes twice is one press of the keys: npm passes its own on as well. */
const ECHO_MILLISECONDS = 250

/**
 * Turns the first Ctrl-C into an abort and the second into an end at once.
 *
 * @param quit - called at the second one
 */
export function listenForInterrupt(quit: () => void): AbortSignal {
  const controller = new AbortController()
  let first = 0
  process.on('SIGINT', () => {
    const now = Date.now()
    if (!controller.signal.aborted) {
      first = now
      controller.abort()
    } else if (now - first > ECHO_MILLISECONDS) quit()
  })
  return controller.signal
}
