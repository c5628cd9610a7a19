import { readCheckpointFile, writeCheckpointFile } from '@induced-metric/onnxruntime'
import * as ort from 'onnxruntime-node'
import { dataFiles } from './data/files.js'
import { describeEvaluation } from './networks/describe.js'
import { loadNetwork } from './networks/index.js'
import { parseOptions, type Options } from './options.js'
import { train } from './training/loop.js'
import { networkOf, openSession } from './training/session.js'

/** Trains from the checkpoint that is given, shows how it goes, and writes a checkpoint that the page reads. */
async function run({ file, network: chosen, steps, output }: Options): Promise<void> {
  const checkpoint = file === undefined ? undefined : await readCheckpointFile(file)
  const name = checkpoint === undefined ? chosen : networkOf(checkpoint)
  const network = await loadNetwork(name, (file) => dataFiles[file]())
  const session = await openSession(network, { device: 'cpu', ort }, checkpoint)
  try {
    let last = 0
    for await (const { step, loss, scale, speed } of train(session, network, {
      ort,
      steps,
      interval: 1000,
    })) {
      last = step
      const rate = Math.round(speed).toLocaleString('en')
      console.log(
        `step ${step}: loss ${loss.toFixed(4)}, ρ ${scale.toPrecision(3)}, ${rate} ${network.unit}/s`,
      )
    }
    console.log(describeEvaluation(await network.evaluate(session, ort, last)))
    await writeCheckpointFile(output, await session.checkpointState())
    console.log(`The checkpoint is in ${output}: the page loads it, and so does npm start.`)
  } finally {
    await session.release()
  }
}

try {
  await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
