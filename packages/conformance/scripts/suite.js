// npm run suite -w @induced-metric/conformance
//
// Writes the suite as data into the folder `suite`: a file of each family, packed by gzip. It is made before packing.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import * as core from '@induced-metric/core'
import { suiteData } from '../dist/data/suite.js'

const folder = new URL('../suite/', import.meta.url)
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder)
for (const file of await suiteData(core)) {
  const text = `${JSON.stringify(file)}\n`
  const bytes = gzipSync(text, { level: 9 })
  writeFileSync(new URL(`${file.family}.json.gz`, folder), bytes)
  const count = file.cases.reduce((n, { ids }) => n + Object.keys(ids).length, 0)
  const [whole, packed] = [text.length, bytes.length].map((length) => `${(length / 1e6).toFixed(2)} MB`)
  process.stdout.write(
    `${file.family}: ${count} cases in ${file.cases.length} entries, ${whole}, packed ${packed}\n`,
  )
}
