import { spawn } from 'node:child_process'
import { shorten } from '../protocol/encoding.js'
import { ProtocolFault } from '../protocol/fault.js'
import type { Peer } from '../protocol/peer.js'

/** The longest line that is read, in characters. */
const longestLine = 2 ** 28

/** Milliseconds in which a process must have started: loading a framework takes a while. */
const startTimeout = 30_000

/** The length of the end of standard error that a message shows. */
const shownErrors = 2000

/**
 * The words of a command, separated by blanks. Quotes, single or double, keep blanks within a word. There is no shell, so
 * nothing else has a meaning.
 *
 * @throws TypeError if there is no word, or a quote has no end
 */
export function splitCommand(command: string): string[] {
  const words = [...command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ''),
  )
  if (words.length === 0) throw new TypeError('the command is empty')
  if (/["']/.test(command.replaceAll(/"[^"]*"|'[^']*'/g, ''))) {
    throw new TypeError(`the command has a quote without an end: ${command}`)
  }
  return words
}

/** Calls a function with each line of a stream of texts, and another one when a line has no end. */
function lineReader(receive: (line: string) => void, overflow: () => void): (text: string) => void {
  let begun = ''
  let searched = 0
  return (text) => {
    begun += text
    for (let end = begun.indexOf('\n', searched); end >= 0; end = begun.indexOf('\n')) {
      const line = begun.slice(0, end)
      begun = begun.slice(end + 1)
      receive(line)
    }
    searched = begun.length
    if (begun.length <= longestLine) return
    begun = ''
    overflow()
  }
}

/** A request without an answer so far. */
interface Pending {
  readonly method: string
  readonly timer: NodeJS.Timeout
  readonly resolve: (line: string) => void
  readonly reject: (fault: ProtocolFault) => void
}

/** Hints at what to do, by the code of the error with which a program did not start. */
const hints: Readonly<Record<string, string>> = {
  ENOENT:
    'there is no such program. A path is relative to the current folder, and begins with ./ or a folder',
  EACCES: 'it is not executable. Use chmod +x, or name its interpreter before it, as in "python3 target.py"',
}

/**
 * Starts a process that answers on its standard output the lines it reads on its standard input.
 *
 * @param command - the program and its arguments
 * @param timeout - milliseconds that an answer may take. The answer to `hello` may take `startTimeout`, if that is longer
 */
export function startProcess(command: readonly string[], timeout: number): Peer {
  const [program, ...given] = command as [string, ...string[]]
  const child = spawn(program, given, { stdio: 'pipe', windowsHide: true })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let fault: ProtocolFault | undefined
  let pending: Pending | undefined
  let errors = ''

  const settle = (): Pending | undefined => {
    const settled = pending
    clearTimeout(settled?.timer)
    pending = undefined
    return settled
  }
  const stop = (reason: ProtocolFault): void => {
    fault ??= reason
    child.kill('SIGKILL')
    settle()?.reject(fault)
  }
  const receive = (line: string): void => {
    if (fault !== undefined) return
    if (pending === undefined) {
      stop(new ProtocolFault(`the process wrote a line that answers nothing: ${shorten(line)}`))
    } else settle()?.resolve(line)
  }
  const overflow = (): void => stop(new ProtocolFault('the process wrote a line that does not end'))

  child.stdout.setEncoding('utf8').on('data', lineReader(receive, overflow))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-shownErrors)
  })
  // A process that has ended takes no input; its end is reported by 'close'.
  child.stdin.on('error', () => undefined)
  child.once('error', (error) => {
    const hint = hints[(error as { code?: string }).code ?? '']
    stop(new ProtocolFault(`${program} cannot be started: ${error.message}${hint ? `: ${hint}` : ''}`))
  })
  child.once('close', (code, signal) => {
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`
    const asked = pending === undefined ? '' : ` before it answered "${pending.method}"`
    const said = errors.trim() === '' ? '' : `; its standard error ends in:\n${errors.trim()}`
    stop(new ProtocolFault(`the process ended ${how}${asked}${said}`))
  })

  return {
    get fault() {
      return fault
    },
    request(method, line) {
      if (fault !== undefined) return Promise.reject(fault)
      const allowed = method === 'hello' ? Math.max(timeout, startTimeout) : timeout
      const late = `the process gave no answer to "${method}" within ${allowed / 1000} s and was stopped`
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => stop(new ProtocolFault(late)), allowed)
        pending = { method, timer, resolve, reject }
        child.stdin.write(`${line}\n`)
      })
    },
    stop,
    async end() {
      const timer = setTimeout(() => child.kill('SIGKILL'), 1000)
      child.stdin.end()
      await ended
      clearTimeout(timer)
    },
  }
}
