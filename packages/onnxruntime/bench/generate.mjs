// Times generating training artifacts for a GPT of 124 million parameters (a file of 499 MB), in a process of its own for each run,
// and prints the most memory that it took: of the models alone, with all artifacts in a folder, and with the checkpoint's bytes.
// node packages/onnxruntime/bench/generate.mjs [rounds]       (after npm run build)
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateArtifacts, writeArtifacts } from '@induced-metric/onnxruntime/artifacts'
import { gpt } from '@induced-metric/onnxruntime/models'
import { writeModel } from '@induced-metric/onnxruntime/onnx'
import { median } from '../../../bench/measure.js'

const [what = '5', file = ''] = process.argv.slice(2)

/** Writes the model's file. The process that measures must not have had it: what is started takes over the most memory so far. */
function writeHere() {
  const size = { layers: 12, heads: 12, width: 768, vocabulary: 50257, context: 1024 }
  writeFileSync(file, writeModel(gpt({ ...size, seed: 1, flatten: true })))
}

/** Generates in this process, and prints seconds and bytes. */
async function generateHere() {
  const start = performance.now()
  const artifacts = await generateArtifacts(readFileSync(file), { loss: 'cross-entropy' })
  if (what === 'folder') await writeArtifacts(`${file} artifacts`, artifacts)
  const bytes = what === 'checkpoint' ? artifacts.checkpointState : artifacts.trainModel
  const seconds = (performance.now() - start) / 1000
  console.log(JSON.stringify({ seconds, memory: 1024 * process.resourceUsage().maxRSS, bytes: bytes.length }))
}

/** Runs this file in a process of its own, and returns what it prints. */
function runApart(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

function compare(rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'induced-metric-generate-'))
  try {
    const path = join(folder, 'model.onnx')
    runApart('write', path)
    const { size } = statSync(path)
    console.log(`a model of ${(size / 1e6).toFixed(0)} MB`)
    for (const [kind, title] of [
      ['models', 'the models'],
      ['folder', 'and all in a folder'],
      ['checkpoint', "the checkpoint's bytes"],
    ]) {
      const runs = Array.from({ length: rounds }, () => JSON.parse(runApart(kind, path)))
      const [seconds, memory] = ['seconds', 'memory'].map((key) => median(runs.map((run) => run[key])))
      console.log(
        `  ${title.padEnd(28)}${seconds.toFixed(2)} s, ${(memory / 1e6).toFixed(0)} MB, ${(memory / size).toFixed(2)} × the file`,
      )
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (file === '') compare(Number(what))
else if (what === 'write') writeHere()
else await generateHere()
