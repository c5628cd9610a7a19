// node packages/conformance/scripts/suite.js
//
// Writes the suite as data into the folder `suite`: a file of each family, packed by gzip. Packing the package runs it. It does
// nothing where the files are those of the suite as it is built.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import * as core from '@induced-metric/core'
import { suiteData } from '../dist/data/suite.js'

const [folder, dist] = [new URL('../suite/', import.meta.url), new URL('../dist/', import.meta.url)]
const index = new URL('index.json', folder)

/** What the files are made of. */
function fingerprint() {
  const hash = createHash('sha256')
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.js'),
  )
  for (const file of files.sort()) hash.update(readFileSync(new URL(file, dist)))
  return hash.digest('hex').slice(0, 16)
}

const of = fingerprint()
const made = existsSync(index)
  ? /** @type {{ of: string }} */ (JSON.parse(readFileSync(index, 'utf8'))).of
  : ''
if (made !== of) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const files = []
  for (const file of await suiteData(core)) {
    const text = `${JSON.stringify(file)}\n`
    const bytes = gzipSync(text, { level: 9 })
    const name = `${file.family}.json.gz`
    writeFileSync(new URL(name, folder), bytes)
    const cases = file.cases.reduce((n, { ids }) => n + Object.keys(ids).length, 0)
    files.push({ family: file.family, file: name, cases, bytes: bytes.length, unpacked: text.length })
  }
  const [format, version] = ['induced-metric-suite', 1]
  writeFileSync(index, `${JSON.stringify({ format, version, files, of }, null, 2)}\n`)
}
