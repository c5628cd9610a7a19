import { proxy, wrap } from 'comlink'
import { createSegmenter, utterancesIn, type Segmenter } from '../audio/segment.js'
import { sampleRate } from '../features/features.js'
import { createLossChart } from './chart.js'
import { byId, mark, say } from './elements.js'
import { decodeFile, openMicrophone, type Microphone } from './microphone.js'
import { createRepetitionList } from './repetitions.js'
import type { Engine, Reading } from './worker.js'

/** Repetitions to begin with, and those of a second act. */
const [atFirst, more] = [10, 5]
/** Fewer than these do not teach it. */
const least = 3

const engine = wrap<Engine>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }))
const buttons = {
  record: byId('record', HTMLButtonElement),
  train: byId('train', HTMLButtonElement),
  listen: byId('listen', HTMLButtonElement),
  again: byId('again', HTMLButtonElement),
}
const threshold = byId('threshold', HTMLInputElement)
const chart = createLossChart(byId('loss', SVGElement))
const list = createRepetitionList(byId('repetitions', HTMLOListElement), atFirst, (id) => {
  void engine.remove(id)
  update()
  say(`Removed. ${told(list.count(), 'repetition')} left.`)
})

let mode: 'idle' | 'collecting' | 'training' | 'listening' = 'idle'
let microphone: Microphone | undefined
let segmenter: Segmenter = createSegmenter()
let trained = false
let secondAct = false
let heard = 0
let next = 1
/** Repetitions that the engine is still at. */
let pending: Promise<unknown> = Promise.resolve()

const told = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
const phrase = (): string => byId('phrase', HTMLInputElement).value.trim() || 'your wake word'

/** Sets what can be pressed, and what it says. */
function update(): void {
  const busy = mode === 'training'
  buttons.record.disabled = busy
  buttons.record.textContent = mode === 'collecting' ? 'Stop' : 'Use the microphone'
  buttons.train.disabled = busy || list.count() < least
  buttons.listen.disabled = busy || !trained
  buttons.listen.textContent = mode === 'listening' ? 'Stop listening' : 'Listen'
  buttons.again.disabled = busy || !trained
  const enough = list.count() >= list.wanted
  mark('say', mode === 'collecting' || (!enough && !trained) ? 'active' : enough ? 'done' : 'waiting')
  mark('teach', busy || (enough && !trained) ? 'active' : trained ? 'done' : 'waiting')
  mark('try', trained && !busy && mode !== 'collecting' ? 'active' : 'waiting')
  byId('lamp').classList.toggle('listening', mode === 'listening')
  if (mode !== 'listening') byId('lamp-text').textContent = 'Not listening'
}

/** Runs what a press starts; says what goes wrong. */
function guarded(action: () => Promise<void>): () => void {
  return () => {
    action().catch((error: unknown) => {
      mode = 'idle'
      update()
      const reason = error instanceof Error ? error.message : String(error)
      const denied = error instanceof DOMException && error.name === 'NotAllowedError'
      say(
        denied
          ? 'The browser does not allow the microphone. Allow it for this page, or drop recordings.'
          : reason,
        'error',
      )
    })
  }
}

async function openOnce(): Promise<void> {
  microphone ??= await openMicrophone((samples) => void takeSound(samples))
}

async function closeMicrophone(): Promise<void> {
  await microphone?.close()
  microphone = undefined
  byId('input-level').style.setProperty('--level', '0')
}

/** What comes from the microphone, 80 ms at a time. */
async function takeSound(samples: Float32Array): Promise<void> {
  const level = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length)
  const decibels = 20 * Math.log10(Math.max(level, 1) / 32768)
  byId('input-level').style.setProperty('--level', String(Math.min(1, Math.max(0, (decibels + 70) / 60))))
  if (mode === 'collecting') {
    for (const { samples: utterance } of segmenter.push(samples)) addRepetition(utterance)
    if (list.count() >= list.wanted) guarded(stopCollecting)()
  }
  if (mode === 'listening') for (const reading of await engine.hear(samples)) show(reading)
}

function addRepetition(samples: Float32Array): void {
  const id = next++
  list.add(id, samples)
  pending = Promise.all([pending, engine.add(id, samples)])
  update()
  const left = list.wanted - list.count()
  if (left > 0) say(`Heard it. Say ${phrase()} ${told(left, 'more time')}.`)
}

async function startCollecting(): Promise<void> {
  await openOnce()
  segmenter = createSegmenter()
  if (list.count() >= list.wanted) list.wanted = list.count() + more
  mode = 'collecting'
  update()
  say(`Say ${phrase()}, with a pause after it. ${told(list.wanted - list.count(), 'time')} to go.`)
}

async function stopCollecting(): Promise<void> {
  mode = 'idle'
  await closeMicrophone()
  update()
  if (list.count() < least) {
    say(`${told(list.count(), 'repetition')} so far; it takes at least ${least}.`)
    return
  }
  say(`${told(list.count(), 'repetition')}. Train now.`)
  if (secondAct) await train()
  else buttons.train.focus()
}

async function train(): Promise<void> {
  await closeMicrophone()
  mode = 'training'
  update()
  const progress = byId('progress', HTMLProgressElement)
  progress.removeAttribute('value')
  say('Making your repetitions louder, quieter, faster, slower and noisier …')
  await pending
  say('Training …')
  chart.clear(900)
  const start = performance.now()
  const elapsed = byId('elapsed')
  const model = await engine.train(
    proxy(({ step, steps, loss }) => {
      progress.value = step / steps
      chart.add(step, loss)
      elapsed.textContent = `${((performance.now() - start) / 1000).toFixed(1)} s`
    }),
  )
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  elapsed.textContent = `${seconds} s`
  offer(model)
  trained = true
  secondAct = false
  mode = 'idle'
  update()
  say(`Trained in ${seconds} seconds. Press Listen and say ${phrase()}.`)
  buttons.listen.focus()
}

/** Makes the model the target of the download. */
function offer(model: Uint8Array): void {
  const link = byId('download', HTMLAnchorElement)
  if (link.href !== '') URL.revokeObjectURL(link.href)
  link.href = URL.createObjectURL(
    new Blob([model as Uint8Array<ArrayBuffer>], { type: 'application/octet-stream' }),
  )
  link.removeAttribute('aria-disabled')
}

async function listen(): Promise<void> {
  if (mode === 'listening') {
    mode = 'idle'
    await closeMicrophone()
    update()
    say('Stopped listening.')
    return
  }
  await engine.listen(Number(threshold.value))
  await openOnce()
  mode = 'listening'
  update()
  byId('lamp-text').textContent = 'Listening'
  say(`Listening for ${phrase()}.`)
}

let flash: ReturnType<typeof setTimeout> | undefined

function show({ level, fired }: Reading): void {
  byId('score', HTMLMeterElement).value = level
  if (!fired) return
  report(`Heard ${phrase()}: ${new Date().toLocaleTimeString()}`)
  const lamp = byId('lamp')
  lamp.classList.add('heard')
  byId('lamp-text').textContent = 'Heard you'
  clearTimeout(flash)
  flash = setTimeout(() => {
    lamp.classList.remove('heard')
    if (mode === 'listening') byId('lamp-text').textContent = 'Listening'
  }, 900)
}

/** Adds a line to what it heard. */
function report(text: string): void {
  byId('count').textContent = String(++heard)
  const line = document.createElement('li')
  line.textContent = text
  byId('log').prepend(line)
  while (byId('log').children.length > 5) byId('log').lastElementChild?.remove()
  say(text)
}

/** Takes recordings: repetitions as long as nothing is trained, later ones to find it in. */
async function takeFiles(files: readonly File[]): Promise<void> {
  for (const file of files) {
    const samples = await decodeFile(file).catch((cause: unknown) => {
      throw new Error(`${file.name} is no recording that this browser can read.`, { cause })
    })
    if (!trained) {
      const found = utterancesIn(samples)
      for (const { samples: utterance } of found) addRepetition(utterance)
      say(`${file.name}: ${told(found.length, 'repetition')}. ${told(list.count(), 'repetition')} in all.`)
    } else {
      const alarms = await engine.find(samples, Number(threshold.value))
      const seconds = (samples.length / sampleRate).toFixed(0)
      if (alarms.length === 0) say(`${file.name}: not heard in ${seconds} seconds.`)
      for (const { at } of alarms) report(`Heard ${phrase()} in ${file.name} at ${at.toFixed(1)} s`)
    }
  }
  update()
}

function connect(): void {
  buttons.record.addEventListener(
    'click',
    guarded(() => (mode === 'collecting' ? stopCollecting() : startCollecting())),
  )
  buttons.train.addEventListener('click', guarded(train))
  buttons.listen.addEventListener('click', guarded(listen))
  buttons.again.addEventListener(
    'click',
    guarded(async () => {
      secondAct = true
      list.wanted = list.count() + more
      await startCollecting()
    }),
  )
  const files = byId('files', HTMLInputElement)
  files.addEventListener('change', () => guarded(() => takeFiles([...(files.files ?? [])]))())
  const showThreshold = (): void => {
    byId('threshold-value').textContent = Number(threshold.value).toFixed(2)
    byId('mark').style.setProperty('--at', threshold.value)
    void engine.setThreshold(Number(threshold.value))
  }
  threshold.addEventListener('input', showThreshold)
  showThreshold()
  byId('download').addEventListener('click', (event) => {
    if (!trained) event.preventDefault()
  })
  connectDrop()
}

function connectDrop(): void {
  const over = (isOver: boolean) => (event: DragEvent) => {
    event.preventDefault()
    document.body.classList.toggle('dropping', isOver)
  }
  addEventListener('dragover', over(true))
  addEventListener('dragleave', over(false))
  addEventListener('drop', (event) => {
    over(false)(event)
    guarded(() => takeFiles([...(event.dataTransfer?.files ?? [])]))()
  })
}

connect()
guarded(async () => {
  await engine.load()
  update()
  say(`Ready. Say ${phrase()} ten times, or drop recordings of it.`)
  document.documentElement.dataset['ready'] = 'true'
})()
