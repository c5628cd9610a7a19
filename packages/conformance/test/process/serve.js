/** The protocol's side of a process, for targets of tests. */
import { createInterface } from 'node:readline'

const isWord = (/** @type {number} */ value) => !Number.isFinite(value) || Object.is(value, -0)
const word = (/** @type {number} */ value) => (Object.is(value, -0) ? '-0' : String(value))

/**
 * A message as a line; numbers that JSON cannot write are words.
 *
 * @param {unknown} message
 */
export function write(message) {
  return JSON.stringify(message, (_key, /** @type {unknown} */ value) =>
    typeof value === 'number' && isWord(value)
      ? word(value)
      : ArrayBuffer.isView(value)
        ? Array.from(/** @type {Float64Array} */ (value))
        : value,
  )
}

/**
 * @typedef {{ method: string, session: number, transformation: object, loss?: number | string, bytes: string,
 *   gradients: ((number | string)[] | null)[],
 *   parameters: { name: string, shape: number[], dtype: string, data: (number | string)[] }[] }} Request
 */

/**
 * Answers every line of standard input with what `answer` returns; an error with a code is an answer, too.
 *
 * @param {(request: Request) => unknown} answer
 * @param {(line: string) => void} [send]
 */
export function serve(answer, send = (line) => void process.stdout.write(`${line}\n`)) {
  createInterface({ input: process.stdin }).on('line', (line) => {
    try {
      send(write(answer(/** @type {Request} */ (JSON.parse(line)))))
    } catch (error) {
      const { code = 'ERR_INTERNAL', message } = /** @type {Error & { code?: string }} */ (error)
      send(write({ error: { code, message: message.replace(`${code}: `, '') } }))
    }
  })
}
