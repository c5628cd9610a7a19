import { proxy, wrap } from 'comlink'
import type { NetworkName } from '../networks/network.js'
import { drawLosses, type Point } from './chart.js'
import type { Device, Engine, Listener, Opened } from './worker.js'

const thread = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
const engine = wrap<Engine>(thread)

/** The element of an id, which the page has. */
function element<T extends Element>(id: string, Type: new () => T): T {
  const found = document.getElementById(id)
  if (found instanceof Type) return found
  throw new TypeError(`the page has no ${Type.name} ${id}`)
}

const networks = element('network', HTMLSelectElement)
const devices = element('device', HTMLSelectElement)
const note = element('device-note', HTMLElement)
const status = element('status', HTMLElement)
const start = element('start', HTMLButtonElement)
const stop = element('stop', HTMLButtonElement)
const reset = element('reset', HTMLButtonElement)
const save = element('save', HTMLButtonElement)
const file = element('file', HTMLInputElement)
const chart = element('loss', SVGSVGElement)
const evaluation = element('evaluation', HTMLElement)
const evaluationTitle = element('evaluation-title', HTMLElement)
const figures = {
  step: element('step', HTMLElement),
  loss: element('loss-value', HTMLElement),
  scale: element('scale', HTMLElement),
  speed: element('speed', HTMLElement),
}

/** The points of a chart at most. Beyond them, every second one is left out. */
const mostPoints = 1000

/** A network that the visitor has trained: it goes on from here, on any device. */
interface Run {
  checkpoint: Uint8Array | undefined
  points: Point[]
  step: number
  evaluation: string
}

const titles: Readonly<Record<NetworkName, string>> = { gpt: 'It writes', digits: 'It reads' }
const newRun = (): Run => ({ checkpoint: undefined, points: [], step: 0, evaluation: 'Nothing yet.' })
const runs: Record<NetworkName, Run> = { gpt: newRun(), digits: newRun() }
/** The session that is open, if it is that of the chosen network on the chosen device. */
let opened: Opened | undefined

const chosen = (): NetworkName => networks.value as NetworkName

function say(text: string, isError = false): void {
  status.textContent = text
  status.dataset['state'] = isError ? 'error' : 'ok'
}

/** Runs what a visitor asked for, and says what went wrong. */
async function attempt(action: () => Promise<void>): Promise<void> {
  setBusy('working')
  try {
    await action()
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true)
  } finally {
    setBusy('idle')
  }
}

function setBusy(state: 'idle' | 'working' | 'training'): void {
  for (const control of [networks, devices, start, reset, file]) control.disabled = state !== 'idle'
  stop.disabled = state !== 'training'
  save.disabled = state === 'working' || runs[chosen()].checkpoint === undefined
}

/** Shows the chosen network as it is. */
function show(): void {
  const { points, step, evaluation: text } = runs[chosen()]
  drawLosses(chart, points)
  figures.step.textContent = step.toLocaleString('en')
  figures.loss.textContent = points.at(-1)?.loss.toFixed(3) ?? '–'
  for (const figure of [figures.scale, figures.speed]) figure.textContent = '–'
  evaluation.textContent = text
  evaluationTitle.textContent = titles[chosen()]
}

async function open(checkpoint: Uint8Array | undefined): Promise<Opened> {
  say('Preparing the network …')
  const { network, ...rest } = await engine.open(chosen(), devices.value as Device, checkpoint)
  networks.value = network
  return (opened = { network, ...rest })
}

/** What is shown while a run is trained. */
function listenerOf(run: Run, unit: Opened['unit']): Listener {
  return {
    onProgress({ step, loss, scale, speed, skipped }) {
      run.step = step
      if (Number.isFinite(loss)) run.points.push({ step, loss })
      if (run.points.length > mostPoints) run.points = run.points.filter((_, i) => i % 2 === 0)
      show()
      figures.scale.textContent = scale.toPrecision(3)
      figures.speed.textContent = `${Math.round(speed).toLocaleString('en')} ${unit}/s`
      if (skipped > 0) say(`Training. ${skipped} steps were skipped: their numbers were not finite.`)
    },
    onEvaluation(text, checkpoint) {
      run.evaluation = text
      run.checkpoint = checkpoint
      save.disabled = false
      evaluation.textContent = text
    },
  }
}

async function train(): Promise<void> {
  const { network, device, unit } = opened ?? (await open(runs[chosen()].checkpoint))
  const run = runs[network]
  say(`Training on ${device === 'webgpu' ? 'WebGPU' : 'wasm'}.`)
  setBusy('training')
  stop.focus()
  try {
    await engine.train(proxy(listenerOf(run, unit)))
  } catch (error) {
    // The next start opens another session, from the latest checkpoint.
    opened = undefined
    throw error
  }
  say(`Stopped after ${run.step.toLocaleString('en')} steps. Start goes on from here.`)
}

/** A button that is disabled loses the focus: the one that takes its place gets it, unless a visitor has gone elsewhere. */
function focusStart(): void {
  const { activeElement, body } = document
  if (activeElement === stop || activeElement === body) start.focus()
}

async function download(): Promise<void> {
  const run = runs[chosen()]
  const bytes = opened ? await engine.save() : run.checkpoint!
  const url = URL.createObjectURL(new Blob([new Uint8Array(bytes)]))
  const link = document.createElement('a')
  Object.assign(link, { href: url, download: `${chosen()}.ckpt` })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** Opens a checkpoint. A file that is none leaves everything as it was. */
async function load(given: File): Promise<void> {
  const checkpoint = new Uint8Array(await given.arrayBuffer())
  const { network, step } = await open(checkpoint)
  runs[network] = { ...newRun(), checkpoint, step }
  show()
  say(`${given.name} has ${step.toLocaleString('en')} steps. Start goes on from there.`)
}

thread.addEventListener('error', ({ message }) => say(`The thread could not be started: ${message}`, true))
start.addEventListener('click', () => void attempt(train).then(focusStart))
stop.addEventListener('click', () => void engine.stop())
save.addEventListener('click', () => {
  download().catch((error: unknown) => say(String(error), true))
})
reset.addEventListener('click', () => {
  runs[chosen()] = newRun()
  opened = undefined
  show()
  setBusy('idle')
  say('Ready. The network is as it was before its first step.')
})
file.addEventListener('change', () => {
  const [given] = file.files ?? []
  if (given !== undefined) void attempt(() => load(given))
  // The same file can be chosen again.
  file.value = ''
})
for (const control of [networks, devices]) {
  control.addEventListener('change', () => {
    // Each network is kept, and its run goes on, on either device.
    opened = undefined
    show()
    setBusy('idle')
  })
}

await attempt(async () => {
  const hasWebGpu = await engine.start(new URL('.', location.href).href)
  const option = devices.querySelector<HTMLOptionElement>('option[value="webgpu"]')!
  option.disabled = !hasWebGpu
  devices.value = hasWebGpu ? 'webgpu' : 'wasm'
  note.textContent = hasWebGpu
    ? 'Change the device in the middle, and the run goes on on the other.'
    : 'There is no WebGPU here: the browser has none, or no adapter for it. The networks are trained on wasm.'
  show()
  say('Ready. Press Start.')
})
