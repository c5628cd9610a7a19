#!/usr/bin/env node
import { main } from './command/main.js'

const controller = new AbortController()
let release = (): void => {}
// The first Ctrl-C stops after the runs that have begun, the second at once.
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (controller.signal.aborted) {
      release()
      process.exit(130)
    }
    controller.abort()
  })
}
// A reader that has gone (`| head`) is not worth a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
  onRelease: (given) => {
    release = given
  },
})
