import { proxy, wrap } from 'comlink'
import { completions, labelledReviews } from '../samples.js'
import { drawLosses } from './chart.js'
import { formatExamples, parseExamples } from './parse.js'
import type { Answer, Engine, ModelSource } from './worker.js'

const engine = wrap<Engine>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }))

/** The element of an id, which the page has. */
function element<T extends Element>(id: string, Type: new () => T): T {
  const found = document.getElementById(id)
  if (found instanceof Type) return found
  throw new TypeError(`the page has no ${Type.name} ${id}`)
}

const models = element('model', HTMLSelectElement)
const folder = element('folder', HTMLInputElement)
const examples = element('examples', HTMLTextAreaElement)
const status = element('status', HTMLElement)
const epochs = element('epochs', HTMLInputElement)
const train = element('train', HTMLButtonElement)
const stop = element('stop', HTMLButtonElement)
const progress = element('progress', HTMLProgressElement)
const elapsed = element('elapsed', HTMLElement)
const loss = element('loss', SVGSVGElement)
const question = element('question', HTMLInputElement)
const send = element('send', HTMLButtonElement)
const answers = element('answers', HTMLElement)
const download = element('download', HTMLButtonElement)
const ask = element('ask', HTMLFormElement)

let dropped: ReadonlyMap<string, Uint8Array> | undefined

function say(text: string, isError = false): void {
  status.textContent = text
  status.dataset['state'] = isError ? 'error' : 'ok'
}

/** Runs what a visitor asked for, and says what went wrong. */
async function attempt(action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true)
  }
}

function showSample(): void {
  const isClassifier = models.value.startsWith('bert')
  examples.value = formatExamples(isClassifier ? labelledReviews : completions)
  question.value = isClassifier ? 'the film was superb' : 'the teacher likes'
  epochs.value = isClassifier ? '20' : '30'
}

async function readFolder(files: Iterable<File>): Promise<void> {
  const read = new Map<string, Uint8Array>()
  for (const file of files) {
    // The first part of the path is the folder itself.
    const path = file.webkitRelativePath.split('/').slice(1).join('/') || file.name
    read.set(
      path.endsWith('.onnx') && !path.includes('/') ? `onnx/${path}` : path,
      new Uint8Array(await file.arrayBuffer()),
    )
  }
  dropped = read
  models.value = 'own'
  say(`${read.size} files read: ${[...read.keys()].join(', ')}`)
}

async function run(): Promise<void> {
  const source: ModelSource =
    models.value === 'own' && dropped ? dropped : new URL(`./${models.value}`, location.href).href
  const parsed = parseExamples(examples.value)
  say('Preparing the model …')
  setRunning(true)
  const start = performance.now()
  const losses: number[] = []
  try {
    const { task, labels, trainable, scalars } = await engine.prepare(source, parsed, Number(epochs.value))
    const kind = labels ? `classifies as ${labels.join(', ')}` : 'continues texts'
    say(
      `The model ${kind}. ${trainable.toLocaleString('en')} of ${scalars.toLocaleString('en')} numbers are trained.`,
    )
    await engine.train(
      proxy(({ step, steps, loss: value, scale }) => {
        losses.push(value)
        drawLosses(loss, losses, steps)
        progress.value = step / steps
        const seconds = (performance.now() - start) / 1000
        elapsed.textContent = `step ${step} of ${steps} · loss ${value.toFixed(3)} · ρ ${scale.toPrecision(2)} · ${seconds.toFixed(1)} s`
      }),
    )
    say(
      `Trained${losses.length > 0 ? `: loss ${losses[0]!.toFixed(3)} → ${losses.at(-1)!.toFixed(3)}` : ''}. Try it.`,
    )
    element('try', HTMLElement).dataset['state'] = 'active'
    for (const control of [question, download, send]) control.disabled = false
    element('task', HTMLElement).textContent = task
    await answer()
  } finally {
    setRunning(false)
  }
}

function setRunning(isRunning: boolean): void {
  train.disabled = isRunning
  stop.disabled = !isRunning
}

async function answer(): Promise<void> {
  const found = await engine.ask(question.value)
  answers.replaceChildren(...found.map((one) => answerItem(one)))
}

function answerItem({ text, score }: Answer): HTMLLIElement {
  const item = document.createElement('li')
  const label = document.createElement('span')
  label.textContent = text
  item.append(label)
  if (score !== undefined) {
    const meter = document.createElement('meter')
    meter.value = score
    meter.setAttribute('aria-label', text)
    const value = document.createElement('span')
    value.textContent = `${(100 * score).toFixed(1)} %`
    item.append(meter, value)
  }
  return item
}

async function save(): Promise<void> {
  const zip = await engine.download()
  const url = URL.createObjectURL(new Blob([new Uint8Array(zip)], { type: 'application/zip' }))
  const link = document.createElement('a')
  Object.assign(link, { href: url, download: 'fine-tuned.zip' })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
  say('The folder of the model is in fine-tuned.zip: pipeline() reads it.')
}

models.addEventListener('change', showSample)
folder.addEventListener('change', () => void attempt(() => readFolder(folder.files ?? [])))
document.addEventListener('dragover', (event) => event.preventDefault())
document.addEventListener('drop', (event) => {
  event.preventDefault()
  void attempt(() => readFolder(event.dataTransfer?.files ?? []))
})
train.addEventListener('click', () => void attempt(run))
stop.addEventListener('click', () => void engine.stop())
download.addEventListener('click', () => void attempt(save))
ask.addEventListener('submit', (event) => {
  event.preventDefault()
  void attempt(answer)
})
showSample()
say('Ready. Press Train, or change the examples first.')
