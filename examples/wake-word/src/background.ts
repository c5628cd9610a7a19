import { optionError } from '@induced-metric/core/adapter'
import { embeddingSize } from './features/features.js'
import type { Labelled } from './head/pool.js'

/**
 * Embeddings of other people's speech, in a byte each: the file begins with the length of a JSON header, which has the scale of each of the
 * 96 numbers and the steps of each stretch.
 */
interface Header {
  readonly scale: readonly number[]
  readonly steps: readonly number[]
}

/**
 * Packs embeddings in a byte a number.
 *
 * @param stretches each [steps, 96]
 */
export function packBackground(stretches: readonly Float32Array[]): Uint8Array {
  const scale = Array.from({ length: embeddingSize }, () => 1e-6)
  for (const stretch of stretches)
    stretch.forEach((x, i) => {
      const at = i % embeddingSize
      scale[at] = Math.max(scale[at]!, Math.abs(x) / 127)
    })
  const shown = scale.map((x) => Number(x.toPrecision(6)))
  const header: Header = { scale: shown, steps: stretches.map(({ length }) => length / embeddingSize) }
  const text = new TextEncoder().encode(JSON.stringify(header))
  const total = stretches.reduce((sum, { length }) => sum + length, 0)
  const bytes = new Uint8Array(4 + text.length + total)
  new DataView(bytes.buffer).setUint32(0, text.length, true)
  bytes.set(text, 4)
  let at = 4 + text.length
  for (const stretch of stretches)
    for (const [i, x] of stretch.entries())
      bytes[at++] = Math.max(-127, Math.min(127, Math.round(x / shown[i % embeddingSize]!)))
  return bytes
}

/**
 * Unpacks what {@link packBackground} packs.
 *
 * @throws ERR_OPTION for other or damaged files
 */
export function unpackBackground(bytes: Uint8Array): Labelled[] {
  const damaged = (): Error =>
    optionError('this is no file of background speech, or it is damaged; `npm run background` makes it')
  if (bytes.length < 4) throw damaged()
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  const { scale, steps } = readHeader(bytes.subarray(4, 4 + length), damaged)
  const data = new Int8Array(bytes.buffer, bytes.byteOffset + 4 + length)
  const total = steps.reduce((sum, count) => sum + count, 0) * embeddingSize
  if (scale.length !== embeddingSize || data.length < total) throw damaged()
  let at = 0
  return steps.map((count) => {
    const part = data.subarray(at, (at += count * embeddingSize))
    return { embeddings: Float32Array.from(part, (x, i) => x * scale[i % embeddingSize]!), spans: [] }
  })
}

function readHeader(bytes: Uint8Array, damaged: () => Error): Header {
  try {
    const header = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Header> | null
    if (Array.isArray(header?.scale) && Array.isArray(header.steps)) return header as Header
  } catch {
    // Not JSON.
  }
  throw damaged()
}
