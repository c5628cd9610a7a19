// The processes that run the suite on mutants.
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../workspace.js'

/** @typedef {import('./list.js').Found} Found */
/** @typedef {{ id: string, milliseconds: number }} TimedCase */
/** @typedef {{ name: string, members: TimedCase[], executed: number[] }} Group */
/** @typedef {{ onLoading: number[], groups: Group[] }} Coverage */

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
 * The groups of cases that execute the place of each mutant.
 *
 * @param {readonly Found[]} mutants
 * @returns {Promise<Coverage>}
 */
export async function probeCases(mutants) {
  const name = createHash('sha256')
    .update(JSON.stringify([mutants, distText()]))
    .digest('hex')
    .slice(0, 16)
  const cached = join(root, '.cache', `coverage-${name}.json`)
  if (existsSync(cached)) return /** @type {Coverage} */ (JSON.parse(readFileSync(cached, 'utf8')))
  const child = start()
  const { done, failed } = await ask(child, { probe: mutants })
  child.disconnect()
  if (failed !== undefined) throw new Error(`the core as it is: ${failed}`)
  mkdirSync(join(root, '.cache'), { recursive: true })
  writeFileSync(cached, JSON.stringify(done))
  return /** @type {Coverage} */ (done)
}

/** The texts of the built core and of the built suite. */
function distText() {
  return ['core', 'conformance'].flatMap((name) => {
    const folder = join(root, 'packages', name, 'dist')
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.js'),
    )
    return files.sort().map((file) => readFileSync(join(folder, file), 'utf8'))
  })
}

/**
 * Finds the case that fails on each mutant.
 *
 * @param {readonly Found[]} mutants
 * @param {readonly number[]} chosen - the indices of those to try
 * @param {Coverage} coverage
 * @param {number} jobs - processes at once
 * @param {(index: number, killer: string | undefined) => void} onResult
 */
export async function killMutants(mutants, chosen, { onLoading, groups }, jobs, onResult) {
  const atLoad = new Set(onLoading)
  /** The number of mutants that each case has killed. */
  const kills = /** @type {Map<string, number>} */ (new Map())
  const orderOf = (/** @type {number} */ index) => {
    const { killedBy } = /** @type {Found} */ (mutants[index])
    const near = groups.filter(({ executed }) => executed.includes(index))
    const others = groups.filter((group) => !near.includes(group))
    // A place that is executed as the core is loaded may show in any case. Elsewhere a few of each group suffice: the engine's
    // coverage leaves some groups out that do execute the place.
    const order = atLoad.has(index)
      ? inOrder([...near, ...others], kills)
      : [...inOrder(near, kills), ...others.flatMap(({ members }) => members.slice(0, 6)).map(({ id }) => id)]
    return killedBy !== undefined && order.includes(killedBy) ? [killedBy, ...order] : order
  }
  let next = 0
  const work = async () => {
    let child = start()
    for (let done = 0; next < chosen.length; done++) {
      if (done % mutantsPerProcess === mutantsPerProcess - 1 || child.exitCode !== null || child.killed) {
        if (child.connected) child.disconnect()
        child = start()
      }
      const index = /** @type {number} */ (chosen[next++])
      const { done: by, failed } = await ask(child, { mutant: mutants[index], order: orderOf(index) })
      const killer = failed ?? (typeof by === 'string' ? by : undefined)
      if (killer !== undefined) kills.set(killer, (kills.get(killer) ?? 0) + 1)
      const { file, at, from, to } = /** @type {Found} */ (mutants[index])
      onResult(index, killer)
      console.log(
        killer === undefined ? `lives: ${file}: ${at}\n       ${from} → ${to}` : `${next}/${chosen.length}`,
      )
    }
    if (child.connected) child.disconnect()
  }
  await Promise.all(Array.from({ length: jobs }, work))
}

/**
 * The cases of groups in the order in which they are tried: those that have killed most mutants, the cheapest of each group, of
 * groups that execute little first, since they ask for it; then the others, cheap ones first.
 *
 * @param {readonly Group[]} groups
 * @param {ReadonlyMap<string, number>} kills
 */
function inOrder(groups, kills) {
  const cheap = (/** @type {readonly TimedCase[]} */ list) =>
    [...list].sort((a, b) => a.milliseconds - b.milliseconds)
  const specific = [...groups].sort((a, b) => a.executed.length - b.executed.length)
  const samples = specific.flatMap(({ members }) => cheap(members).slice(0, 2)).map(({ id }) => id)
  const all = cheap(groups.flatMap(({ members }) => members)).map(({ id }) => id)
  const killers = all.filter((id) => kills.has(id)).sort((a, b) => (kills.get(b) ?? 0) - (kills.get(a) ?? 0))
  return [...new Set([...killers.slice(0, 25), ...samples.slice(0, 120), ...all])]
}
