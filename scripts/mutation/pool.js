// The processes that run the suite on mutants.
import { fork } from 'node:child_process'

/** @typedef {import('./list.js').Found} Found */
/** @typedef {{ onLoading: number[], perCase: { id: string, milliseconds: number, executed: number[] }[] }} Coverage */

/** Milliseconds that one case may take: many times what the longest takes. */
const patience = 30_000

/** A process is started anew after so many mutants, whose modules it can't forget. */
const mutantsPerProcess = 60

function start() {
  return fork(new URL('worker.js', import.meta.url), {
    execArgv: ['--experimental-vm-modules', '--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

/**
 * Gives a process a task and waits for its result.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {object} task
 * @returns {Promise<{ done?: unknown, failed?: string }>} `failed` where it ended, or took too long over a case
 */
function ask(child, task) {
  return new Promise((resolve, reject) => {
    let running = 'loading'
    let timer = setTimeout(late, patience)
    function late() {
      child.kill('SIGKILL')
      finish({ failed: `${running} (no end)` })
    }
    const ended = () => finish({ failed: `${running} (the process ended)` })
    /** @param {{ running?: string, done?: unknown, error?: string }} message */
    const listen = (message) => {
      clearTimeout(timer)
      if (message.error !== undefined) {
        finish({})
        reject(new Error(message.error))
      } else if (message.running === undefined) finish({ done: message.done })
      else {
        running = message.running
        timer = setTimeout(late, patience)
      }
    }
    /** @param {{ done?: unknown, failed?: string }} result */
    const finish = (result) => {
      clearTimeout(timer)
      child.off('message', listen)
      child.off('exit', ended)
      resolve(result)
    }
    child.on('message', listen)
    child.on('exit', ended)
    child.send(task)
  })
}

/**
 * The cases that execute the place of each mutant.
 *
 * @param {readonly Found[]} mutants
 * @returns {Promise<Coverage>}
 */
export async function probeCases(mutants) {
  const child = start()
  const { done, failed } = await ask(child, { probe: mutants })
  child.disconnect()
  if (failed !== undefined) throw new Error(`the core as it is: ${failed}`)
  return /** @type {Coverage} */ (done)
}

/**
 * Finds the case that fails on each mutant.
 *
 * @param {readonly Found[]} mutants
 * @param {Coverage} coverage
 * @param {number} jobs - processes at once
 * @returns {Promise<(string | undefined)[]>}
 */
export async function killMutants(mutants, { onLoading, perCase }, jobs) {
  const cheapFirst = [...perCase].sort((a, b) => a.milliseconds - b.milliseconds)
  const atLoad = new Set(onLoading)
  /** The number of mutants that each case has killed. */
  const kills = /** @type {Map<string, number>} */ (new Map())
  /** @type {(string | undefined)[]} */
  const killers = mutants.map(() => undefined)
  /** The cases that execute the mutant's place; where it is executed as the core is loaded, then all others as well. */
  const orderOf = (/** @type {number} */ index) => {
    const { killedBy } = /** @type {Found} */ (mutants[index])
    const near = (/** @type {{ executed: number[] }} */ { executed }) => executed.includes(index)
    const first = cheapFirst.filter(near).sort((a, b) => (kills.get(b.id) ?? 0) - (kills.get(a.id) ?? 0))
    const rest = atLoad.has(index) ? cheapFirst.filter((one) => !near(one)) : []
    const order = [...first, ...rest].map(({ id }) => id)
    return killedBy !== undefined && order.includes(killedBy) ? [killedBy, ...order] : order
  }
  let next = 0
  const work = async () => {
    let child = start()
    for (let done = 0; next < mutants.length; done++) {
      if (done % mutantsPerProcess === mutantsPerProcess - 1 || child.exitCode !== null || child.killed) {
        if (child.connected) child.disconnect()
        child = start()
      }
      const index = next++
      const { done: by, failed } = await ask(child, { mutant: mutants[index], order: orderOf(index) })
      const killer = failed ?? (typeof by === 'string' ? by : undefined)
      killers[index] = killer
      if (killer !== undefined) kills.set(killer, (kills.get(killer) ?? 0) + 1)
      const { file, at, from, to } = /** @type {Found} */ (mutants[index])
      console.log(
        killer === undefined
          ? `lives: ${file}: ${at}\n       ${from} → ${to}`
          : `${index + 1}/${mutants.length}`,
      )
    }
    if (child.connected) child.disconnect()
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return killers
}
