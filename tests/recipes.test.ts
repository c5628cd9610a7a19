import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { transformWithOxc } from 'vite'
import { expect, it } from 'vitest'
import { root } from '../scripts/workspace.js'
import { markdownBlocks } from './snippets/blocks.js'

/** What `node tests/packages/pages/fetch.js` fetches. */
const published = join(root, 'tests/packages/pages/node_modules/@spotify/basic-pitch/model')

interface Part {
  readonly from: string
}
interface Recipe {
  readonly notesOfFeatures: Part
  trainNotes(
    model: tf.GraphModel,
    part: Part,
    heard: tf.Tensor,
    notes: tf.Tensor3D,
    steps: number,
  ): Promise<number[]>
  saveTrained(model: tf.GraphModel, handler: tf.io.IOHandler): Promise<void>
}

/** The code of the page, as a module. */
async function recipe(): Promise<Recipe> {
  const page = 'docs/recipes/basic-pitch.md'
  const blocks = markdownBlocks(page, await readFile(join(root, page), 'utf8'))
  const source = blocks.map(({ lines }) => lines.join('\n')).join('\n')
  const folder = join(root, 'tests/.snippets/recipes')
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'basicPitch.js')
  await writeFile(file, (await transformWithOxc(source, 'basicPitch.ts')).code)
  return (await import(file)) as Recipe
}

/** Half a second each of four notes of an instrument with overtones, the first at A3. */
function melody(): { sound: Float32Array; notes: Float32Array } {
  const keys = [36, 40, 43, 48] // of 88, from A0
  const sound = Float32Array.from({ length: 43_844 }, (_, i) => {
    const frequency = 27.5 * 2 ** (keys[Math.min(3, Math.floor(i / 10_961))]! / 12)
    const phase = (2 * Math.PI * frequency * i) / 22_050
    return 0.3 * (Math.sin(phase) + Math.sin(2 * phase) / 2 + Math.sin(3 * phase) / 3)
  })
  const notes = new Float32Array(172 * 88)
  for (let frame = 0; frame < 172; frame++) notes[frame * 88 + keys[Math.min(3, Math.floor(frame / 43))]!] = 1
  return { sound, notes }
}

it.skipIf(!existsSync(published))('trains the notes of basic-pitch, and saves the graph model', async () => {
  const page = await recipe()
  const require = createRequire(import.meta.url)
  setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep)
  await tf.setBackend('wasm')

  const { weightsManifest, ...topology } = JSON.parse(
    readFileSync(join(published, 'model.json'), 'utf8'),
  ) as tf.io.ModelJSON
  const weights = readFileSync(join(published, 'group1-shard1of1.bin'))
  const weightData = weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength)
  const artifacts: tf.io.ModelArtifacts = {
    ...topology,
    weightSpecs: weightsManifest[0]!.weights,
    weightData,
  }
  const model = await tf.loadGraphModel(tf.io.fromMemory(artifacts))
  const { sound, notes } = melody()
  const windows = tf.tensor3d(sound, [1, 43_844, 1])
  const target = tf.tensor3d(notes, [1, 172, 88])

  const heard = model.execute(windows, page.notesOfFeatures.from) as tf.Tensor
  await tf.setBackend('cpu')
  const losses = await page.trainNotes(model, page.notesOfFeatures, heard, target, 3)
  expect(losses.every(Number.isFinite)).toBe(true)
  expect(losses.at(-1)).toBeLessThan(0.95 * losses[0]!)

  const saved: tf.io.ModelArtifacts[] = []
  const handler = tf.io.withSaveHandler((given) => {
    saved.push(given)
    return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } })
  })
  await page.saveTrained(model, handler)
  const again = await tf.loadGraphModel(tf.io.fromMemory(saved[0]!))
  for (const [name, [weight]] of Object.entries(model.weights)) {
    expect([name, again.weights[name]![0]!.dataSync()]).toEqual([name, weight!.dataSync()])
  }
})
