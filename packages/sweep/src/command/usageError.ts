/** A request that makes no sense. The program ends with code 2 and this message. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
