import { demo } from './demo.js'
import { findFrameworks } from './findFrameworks.js'
import { listenForInterrupt } from './interrupt.js'
import { settings } from './settings.js'

let release = (): void => {}
const signal = listenForInterrupt(() => {
  release()
  process.exit(130)
})
// A reader that has gone (`| head`) is no reason for a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  const onRelease = (given: () => void): void => void (release = given)
  process.exitCode = await demo(process.argv.slice(2), {
    frameworks: await findFrameworks(),
    settings,
    stdout: process.stdout,
    stderr: process.stderr,
    signal,
    onRelease,
  })
} catch (error) {
  release()
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
