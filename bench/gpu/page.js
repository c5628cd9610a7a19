// The bench page: what a step asks of the GPU of this browser, and how long it takes.
import { matrixRows } from './matrices.js'
import { onnxRows } from './onnx.js'
import { tfjsRows } from './tfjs.js'

/** What computes here: by WebGPU and WebGL, and the browser. */
async function describeMachine() {
  const adapter = 'gpu' in navigator ? await navigator.gpu.requestAdapter() : null
  const { vendor, architecture, device, description } = adapter?.info ?? {}
  const gl = document.createElement('canvas').getContext('webgl2')
  const renderer = gl?.getExtension('WEBGL_debug_renderer_info')?.UNMASKED_RENDERER_WEBGL
  return {
    webgpu: adapter ? [vendor, architecture, device, description].filter(Boolean).join(' ') : 'none',
    webgl: gl ? String(gl.getParameter(renderer ?? gl.RENDERER)) : 'none',
    userAgent: navigator.userAgent,
    cores: navigator.hardwareConcurrency,
    date: new Date().toISOString().slice(0, 10),
  }
}

/** What a row measures, or the error that it gives instead. */
async function measured(measure) {
  try {
    return await measure()
  } catch (error) {
    return { error: `${error.code ?? error.name}: ${error.message}` }
  }
}

/**
 * Measures rows, one after the other.
 *
 * @param {object} options
 * @param {'small' | 'usual'} options.size - of the networks
 * @param {string} [options.only] - leaves out the rows whose subject does not contain it
 * @param {(row: object) => void} [onRow] - takes each row when it has been measured
 */
async function run({ size, only = '' }, onRow = () => {}) {
  const machine = await describeMachine()
  const chosen = [...tfjsRows, ...matrixRows(size), ...onnxRows(size)].filter(({ subject }) =>
    subject.includes(only),
  )
  if (chosen.length === 0) throw new RangeError(`no row is about ${only}`)
  const rows = []
  for (const { subject, by, measure } of chosen) {
    rows.push({ subject, by, ...(await measured(measure)) })
    onRow(rows.at(-1))
  }
  return { machine, size, rows }
}

const columns = ['launches', 'submits', 'bytes read', 'host ms', 'ms']

/** The cells of a row: numbers, or why there are none. */
function cellsOf({ launches, submits, bytes, host, whole, error }) {
  if (error !== undefined) return [error, ...columns.slice(1).map(() => '')]
  return [launches, submits, bytes, host.toFixed(1), whole.toFixed(1)].map(String)
}

/** A result as a table in markdown, with the machine above it. */
function toMarkdown({ machine, rows }) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  const head = ['', 'by', ...columns]
  return [
    ...Object.entries(machine).map(([name, value]) => `- ${name}: ${value}`),
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map((row) => line([row.subject, row.by, ...cellsOf(row)])),
  ].join('\n')
}

const html = `
<style>
  body { font: 1rem system-ui; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
  td, th { padding: .2rem .6rem; text-align: right }
  td:first-child, td:nth-child(2) { text-align: left }
</style>
<h1>What a step costs on this GPU</h1>
<p id="machine"></p>
<p>
  <label>Networks <select id="size"><option value="usual">of a usual size</option><option value="small">small, for a GPU in software</option></select></label>
  <label>Only <input id="only" size="12" placeholder="webgpu, gpt …"></label>
  <button id="run">Run</button>
  <button id="markdown" disabled>Copy result as markdown</button>
  <button id="json" disabled>Copy result as JSON</button>
</p>
<p id="status" role="status">Leave this page in front while it runs: browsers slow down those behind others.</p>
<table><thead><tr></tr></thead><tbody></tbody></table>`

async function show() {
  document.title = 'What a step costs on this GPU'
  document.body.innerHTML = html
  const part = (id) => document.getElementById(id)
  const append = (row, cells, tag) => {
    for (const text of cells) row.append(Object.assign(document.createElement(tag), { textContent: text }))
  }
  append(document.querySelector('thead tr'), ['', 'by', ...columns], 'th')
  let result
  const start = async () => {
    part('run').disabled = true
    document.querySelector('tbody').replaceChildren()
    part('status').textContent = 'Running. The first step of each row compiles its kernels.'
    try {
      const options = { size: part('size').value, only: part('only').value.trim() }
      result = await run(options, (row) => {
        const line = document.querySelector('tbody').insertRow()
        append(line, [row.subject, row.by, ...cellsOf(row)], 'td')
      })
      part('status').textContent = 'Done.'
      for (const id of ['markdown', 'json']) part(id).disabled = false
    } catch (error) {
      part('status').textContent = String(error)
    } finally {
      part('run').disabled = false
    }
  }
  part('run').addEventListener('click', () => void start())
  const copy = async (text) => {
    await navigator.clipboard.writeText(text)
    part('status').textContent = 'Copied.'
  }
  part('markdown').addEventListener('click', () => void copy(toMarkdown(result)))
  part('json').addEventListener('click', () => void copy(JSON.stringify(result, undefined, 2)))
  const machine = await describeMachine()
  part('machine').textContent = `WebGPU: ${machine.webgpu}. WebGL: ${machine.webgl}.`
}

Object.assign(globalThis, { page: { run, toMarkdown, describeMachine } })
await show()
