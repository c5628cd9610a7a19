import { optionError } from '@induced-metric/core/adapter'
import { sampleRate } from '../features/features.js'
import { resample } from './resample.js'

/**
 * Reads a WAV file: PCM of 8, 16, 24 or 32 bits, or float of 32 bits, at any rate. Channels are averaged.
 *
 * @param bytes the file. A length in its header that goes beyond its end, as programs that write to a pipe leave it, is cut
 * @param what names the file in errors
 * @returns 16 kHz, mono, at the scale of int16 (±32768)
 * @throws ERR_OPTION if it is no such file
 */
export function readWav(bytes: Uint8Array, what = 'the WAV file'): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tag = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4))
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE')
    throw optionError(`${what} does not begin as a WAV file does; convert it, for example with ffmpeg`)
  let format: WavFormat | undefined
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true)
    const end = Math.min(at + 8 + size, bytes.length)
    if (tag(at) === 'fmt ') format = readFormat(view, at + 8, end, what)
    if (tag(at) === 'data') {
      if (format === undefined) throw optionError(`${what} has no format before its samples`)
      return resample(readSamples(view, at + 8, end, format), format.rate, sampleRate)
    }
    at = end + (size % 2)
  }
  throw optionError(`${what} contains no samples`)
}

/**
 * Writes a WAV file of 16 bits.
 *
 * @param samples 16 kHz, mono, at the scale of int16; louder ones are clipped
 */
export function writeWav(samples: Float32Array): Uint8Array {
  const bytes = new Uint8Array(44 + 2 * samples.length)
  const view = new DataView(bytes.buffer)
  const tag = (at: number, text: string): void => bytes.set(new TextEncoder().encode(text), at)
  tag(0, 'RIFF')
  view.setUint32(4, bytes.length - 8, true)
  tag(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, 2 * sampleRate, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  tag(36, 'data')
  view.setUint32(40, 2 * samples.length, true)
  for (const [i, x] of samples.entries())
    view.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, Math.round(x))), true)
  return bytes
}

interface WavFormat {
  readonly channels: number
  readonly rate: number
  readonly bytes: number
  readonly float: boolean
}

const extensible = 0xfffe

function readFormat(view: DataView, at: number, end: number, what: string): WavFormat {
  if (end - at < 16) throw optionError(`${what} has a damaged format`)
  const given = view.getUint16(at, true)
  const code = given === extensible && end - at >= 26 ? view.getUint16(at + 24, true) : given
  const [channels, rate, bits] = [
    view.getUint16(at + 2, true),
    view.getUint32(at + 4, true),
    view.getUint16(at + 14, true),
  ]
  const readable = (code === 1 && [8, 16, 24, 32].includes(bits)) || (code === 3 && bits === 32)
  if (!readable || channels === 0 || rate < 1000)
    throw optionError(
      `${what} has format ${code} with ${bits} bits, ${channels} channels and ${rate} samples a second; it must be PCM of 8 to 32 bits or float of 32 bits`,
    )
  return { channels, rate, bytes: bits / 8, float: code === 3 }
}

function readSamples(view: DataView, from: number, to: number, format: WavFormat): Float32Array {
  const { channels, bytes } = format
  const read = sampleReader(view, format)
  const length = Math.floor((to - from) / (bytes * channels))
  const samples = new Float32Array(length)
  for (let i = 0; i < length; i++) {
    let sum = 0
    for (let channel = 0; channel < channels; channel++) sum += read(from + (i * channels + channel) * bytes)
    samples[i] = sum / channels
  }
  return samples
}

/** A function that reads a sample at the scale of int16. */
function sampleReader(view: DataView, { bytes, float }: WavFormat): (at: number) => number {
  if (float) return (at) => view.getFloat32(at, true) * 32768
  if (bytes === 1) return (at) => (view.getUint8(at) - 128) * 256
  if (bytes === 2) return (at) => view.getInt16(at, true)
  if (bytes === 3) return (at) => view.getUint8(at) / 256 + view.getInt16(at + 1, true)
  return (at) => view.getInt32(at, true) / 65536
}
