/** Thrown by a case when the target is wrong; the report shows its message. */
export class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure'
}

/** Fails the case. */
export function fail(message: string, cause?: unknown): never {
  throw new ConformanceFailure(message, cause === undefined ? {} : { cause })
}

/** The error of the worst comparison of a case. */
export interface Worst {
  /** The error, relative to the expected value. */
  error: number
  /** The largest error allowed there. */
  tolerance: number
  /** The name of the compared value. */
  where: string
}

/** Keeps the worst comparison of a case: the one that used the largest share of its tolerance. */
export interface Ledger {
  worst?: Worst
}

function note(ledger: Ledger, error: number, tolerance: number, where: string): void {
  const { worst } = ledger
  if (worst === undefined || shareOf(error, tolerance) > shareOf(worst.error, worst.tolerance))
    ledger.worst = { error, tolerance, where }
}

/** The share of its tolerance that an error uses. */
function shareOf(error: number, tolerance: number): number {
  return error === 0 ? 0 : error / tolerance
}

/** Formats a number for messages. */
export function show(value: number): string {
  return Number.isInteger(value) || !Number.isFinite(value)
    ? String(value)
    : value.toPrecision(9).replace(/0+(e|$)/, '$1')
}

/**
 * Fails unless max|got − expected| ≤ tolerance·max|expected|. NaN and infinities must be equal in both.
 *
 * @param scale - the scale of the relative error; default max|expected|
 */
export function expectClose(
  ledger: Ledger,
  where: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  scale?: number,
): void {
  if (got.length !== expected.length) fail(`${where}: ${got.length} elements, expected ${expected.length}`)
  let size = scale ?? 0
  let worst = 0
  let at = 0
  for (let i = 0; i < expected.length; i++) {
    const a = got[i]!
    const b = expected[i]!
    if (scale === undefined && Number.isFinite(b)) size = Math.max(size, Math.abs(b))
    const error =
      Object.is(a, b) || a === b ? 0 : Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) : Infinity
    if (error > worst) {
      worst = error
      at = i
    }
  }
  const relative = worst === 0 ? 0 : size === 0 ? worst : worst / size
  note(ledger, relative, tolerance, where)
  if (relative <= tolerance) return
  const element = expected.length === 1 ? '' : `, element ${at}`
  // If nine digits look the same, the message shows all digits.
  const [short, shortExpected] = [show(got[at]!), show(expected[at]!)]
  const values =
    short === shortExpected ? `${got[at]}, expected ${expected[at]}` : `${short}, expected ${shortExpected}`
  fail(
    `${where}${element}: ${values} ` +
      `(relative error ${relative.toPrecision(3)}, allowed ${tolerance.toPrecision(3)})`,
  )
}

/** Fails unless two arrays hold the same numbers exactly; 0 equals −0, and every NaN equals every other. */
export function expectSame(
  ledger: Ledger,
  where: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
): void {
  if (got.length !== expected.length) fail(`${where}: ${got.length} elements, expected ${expected.length}`)
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(got[i], expected[i]) || got[i] === expected[i]) continue
    const element = expected.length === 1 ? '' : `, element ${i}`
    fail(`${where}${element}: ${got[i]}, expected exactly ${expected[i]}`)
  }
  note(ledger, 0, 0, where)
}

/** Fails unless the condition holds. */
export function expectTrue(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message)
}

/** Awaits `run` and fails unless it throws an InducedMetricError with the code. */
export async function expectError(
  what: string,
  code: string,
  run: () => unknown,
  InducedMetricError?: abstract new (...given: never[]) => Error,
): Promise<Error> {
  let thrown: unknown
  try {
    await run()
  } catch (error) {
    thrown = error
  }
  if (thrown === undefined) fail(`${what}: expected ${code}, but nothing was thrown`)
  if (!(thrown instanceof Error))
    fail(`${what}: expected an InducedMetricError ${code}, but a ${typeof thrown} was thrown`)
  const got = (thrown as { code?: unknown }).code
  if (got !== code) {
    fail(
      `${what}: expected ${code}, but ${typeof got === 'string' ? got : thrown.name} was thrown: ${thrown.message}`,
    )
  }
  if (InducedMetricError !== undefined && !(thrown instanceof InducedMetricError)) {
    fail(
      `${what}: the error has code ${code} but is no InducedMetricError of the target's core (two copies of the core?)`,
    )
  }
  return thrown
}

/** Fails unless two arrays hold the same bytes. */
export function expectBits(where: string, got: ArrayBufferView, expected: ArrayBufferView): void {
  const bytes = (view: ArrayBufferView): Uint8Array =>
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  const [a, b] = [bytes(got), bytes(expected)]
  if (a.length !== b.length) fail(`${where}: ${a.length} bytes, expected ${b.length}`)
  for (let i = 0; i < b.length; i++) {
    if (a[i] !== b[i]) fail(`${where} changed: byte ${i} of ${b.length} is ${a[i]}, was ${b[i]}`)
  }
}
