// Steps a second through the pipe of `induced-conformance --exec`: each is a step and a read of 10 or 10,000 scalars.
// node packages/conformance/bench/protocol.js [seconds]       (after npm run build)
import { fileURLToPath } from 'node:url'
import * as core from '@induced-metric/core'
import { splitCommand, startProcess } from '../dist/bin/process.js'
import { connectTarget } from '../dist/protocol/target.js'

const seconds = Number(process.argv[2] ?? 2)
const file = (name) => fileURLToPath(new URL(name, import.meta.url))
const commands = {
  'node, the core': `"${process.execPath}" "${file('../test/process/core.js')}"`,
  'Python, the template': `python3 "${file('../targets/python/template.py')}"`,
}

for (const [name, command] of Object.entries(commands)) {
  const { target, ...remote } = await connectTarget(core, () => startProcess(splitCommand(command), 30_000))
  for (const size of [10, 10_000]) {
    const data = Float64Array.from({ length: size }, (_, i) => Math.sin(i))
    const transformation = core.inducedMetric(core.heavyBall(), { learningRate: 1e-3, xi: 0 })
    const session = await target.create(transformation, [{ name: 'p', shape: [size], data }])
    let steps = 0
    const start = performance.now()
    while (performance.now() - start < seconds * 1000) {
      await session.step([data])
      await session.read()
      steps++
    }
    const rate = Math.round((steps / (performance.now() - start)) * 1000)
    console.log(`${name}, ${size} scalars: ${rate} steps a second`)
    await session.dispose()
  }
  await remote.end()
}
