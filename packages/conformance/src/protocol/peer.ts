import type { ProtocolFault } from './fault.js'

/** A running process that answers lines with lines, one at a time. */
export interface Peer {
  /** The reason why it answers no more; `undefined` as long as it does. */
  readonly fault: ProtocolFault | undefined
  /**
   * Sends a line and returns the line that answers it.
   *
   * @param method - the name of the request, for messages
   * @throws ProtocolFault if the process ends, or gives no answer in time
   */
  request(method: string, line: string): Promise<string>
  /** Stops the process at once, for that reason. */
  stop(fault: ProtocolFault): void
  /** Closes the process's input and waits until it has ended. */
  end(): Promise<void>
}
