// Trains a ResNet-18 (batch 8 of 32×32) and a GPT of 0.8 million parameters (batch 8 of 64 tokens) here and in PyTorch,
// from the same parameters, on the same data, with the same optimiser, one thread each, by turns; prints how far the
// loss curves are apart and the ratio of the times per step.
// node packages/onnxruntime/bench/torch/compare.mjs [--rounds 3] [--write] [resnet18] [gpt]       (after npm run build)
// Needs a Python with PyTorch (Debian: python3-torch, with libopenblas0 for its products): PYTHON, default
// /usr/bin/python3. --write puts PyTorch's losses into test/fixtures/torch.json.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { dataType, readTensor } from '@induced-metric/onnxruntime/onnx'
import { median } from '../../../../bench/measure.js'
import { trainHere } from './curve.mjs'
import { problems, steps } from './problems.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const fixture = join(here, '../../test/fixtures/torch.json')
const python = process.env.PYTHON ?? '/usr/bin/python3'
const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const rounds = Number(values.rounds)
const names = positionals.length > 0 ? positionals : Object.keys(problems)
/** Steps that warm up. */
const warm = 5

const library = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' })
if (library.status !== 0) {
  console.log(`${python} has no PyTorch: install python3-torch, or name another with PYTHON`)
  process.exit(1)
}

/** Writes a problem to a folder, with arrays as they are in memory. */
function handOver(folder, name) {
  const { model, network, torch, batch } = problems[name]
  const write = (file, type, dims, data) => {
    writeFileSync(join(folder, file), data)
    return { file, type, dims }
  }
  const parameters = model()
    .graph.initializer.map((tensor) => readTensor(tensor))
    .filter((tensor) => tensor.dataType === dataType.float)
    .map((tensor, i) => ({
      name: tensor.name,
      ...write(`parameter${i}`, 'float32', tensor.dims, tensor.data),
    }))
  const batches = Array.from({ length: steps }, (_, step) => {
    const { data, dims, labels } = batch(step)
    return {
      input: write(`input${step}`, data instanceof Float32Array ? 'float32' : 'int64', dims, data),
      labels: write(`labels${step}`, 'int64', [labels.length], labels),
    }
  })
  writeFileSync(join(folder, 'problem.json'), JSON.stringify({ name, network, torch, parameters, batches }))
}

function torchRun(folder) {
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' }
  const { status, stdout, stderr } = spawnSync(python, [join(here, 'train.py'), folder], {
    encoding: 'utf8',
    env,
  })
  if (status !== 0) throw new Error(`PyTorch failed:\n${stderr}`)
  return JSON.parse(stdout)
}

const written = existsSync(fixture) ? JSON.parse(readFileSync(fixture, 'utf8')) : {}
for (const name of names) {
  const folder = mkdtempSync(join(tmpdir(), 'torch-'))
  try {
    handOver(folder, name)
    const times = { own: [], torch: [] }
    let own, torch
    for (let round = 0; round < rounds; round++) {
      torch = torchRun(folder)
      own = await trainHere(problems[name])
      times.torch.push(median(torch.milliseconds.slice(warm)))
      times.own.push(median(own.milliseconds.slice(warm)))
    }
    const apart = own.losses.map((loss, i) => Math.abs(loss - torch.losses[i]))
    const digits = (value) => value.toFixed(1).padStart(7)
    console.log(`${name}, ${torch.scalars} parameters, artifacts in ${own.generated.toFixed(0)} ms`)
    console.log(
      `  loss ${torch.losses[0].toFixed(6)} … ${torch.losses.at(-1).toFixed(6)} over ${steps} steps`,
    )
    console.log(
      `  apart by at most ${Math.max(...apart).toExponential(1)}, at first ${apart[0].toExponential(1)}`,
    )
    console.log(`  PyTorch ${torch.torch} (${torch.algebra})  ${digits(median(times.torch))} ms a step`)
    console.log(`  here                        ${digits(median(times.own))} ms a step`)
    console.log(
      `  ratio                       ${median(times.own.map((time, i) => time / times.torch[i])).toFixed(2)} ×`,
    )
    written[name] = { torch: torch.torch, losses: torch.losses }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
if (values.write) writeFileSync(fixture, `${JSON.stringify(written, undefined, 2)}\n`)
