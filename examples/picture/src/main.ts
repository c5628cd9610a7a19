import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { drawPicture } from './draw.js'

// The guide shows it from here.
const committed = fileURLToPath(new URL('../../../docs/images/loss-surface.svg', import.meta.url))
const path = process.argv[2] === undefined ? committed : resolve(process.argv[2])
const picture = drawPicture()
await mkdir(dirname(path), { recursive: true })
await writeFile(path, picture)
console.log(`${path} (${(picture.length / 1024).toFixed(0)} kB)`)
