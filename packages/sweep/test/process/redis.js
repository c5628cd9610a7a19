import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Whether Redis is installed on this machine. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0

/** @returns {Promise<number>} a port that nothing listens on */
async function freePort() {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Starts a Redis of its own that writes down every change.
 *
 * @param {string} folder - where it keeps its append-only file
 */
export async function startRedis(folder) {
  let port = await freePort()
  const start = async () => {
    const args = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--appendonly',
      'yes',
      '--save',
      '',
    ]
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let text = ''
    for await (const chunk of child.stdout) {
      text += String(chunk)
      if (text.includes('Ready to accept connections')) return child
    }
    throw new Error(`redis-server did not start:\n${text}`)
  }
  // Another program may take the port before Redis does.
  const startElsewhere = async () => {
    port = await freePort()
    return start()
  }
  let child = await start().catch(startElsewhere)
  return {
    url: `redis://127.0.0.1:${port}`,
    /** Kills it as a crash would, and starts it again after a pause. @param {number} pause - in milliseconds */
    async crash(pause) {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      await sleep(pause)
      child = await start()
    },
    async stop() {
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}
