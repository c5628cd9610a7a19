/** Two signals within this time are one key press: npm passes its own on as well. */
const ECHO_MILLISECONDS = 250

/**
 * Turns the first Ctrl-C into an abort and the second into an immediate end.
 *
 * @param quit - called at the second Ctrl-C
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
