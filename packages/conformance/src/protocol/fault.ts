/** A target in another process ended, gave no answer in time, or gave an answer that does not follow the protocol. */
export class ProtocolFault extends Error {
  override readonly name = 'ProtocolFault'
}
