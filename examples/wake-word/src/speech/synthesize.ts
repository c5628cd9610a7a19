import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readWav } from '../audio/wav.js'
import type { Manner, Voice } from './voices.js'

const run = promisify(execFile)

/** Speaks a text: 16 kHz, mono, at the scale of int16, without silence before and after. */
export type Speak = (text: string, manner?: Partial<Manner>) => Promise<Float32Array>

/** Whether a program is there. */
export async function hasProgram(name: 'espeak-ng' | 'flite'): Promise<boolean> {
  try {
    await run(name, [name === 'flite' ? '-lv' : '--version'])
    return true
  } catch {
    return false
  }
}

/** A voice of espeak-ng. */
export function espeak({ accent, variant, manner }: Voice): Speak {
  return async (text, changes = {}) => {
    const { pitch, speed, gap = 0 } = { ...manner, ...changes }
    const spoken = ['-p', pitch, '-s', speed, '-g', gap].map(String)
    const options = ['-v', `${accent}+${variant}`, ...spoken, '--stdout', text]
    const { stdout } = await run('espeak-ng', options, { encoding: 'buffer', maxBuffer: 2 ** 28 })
    return trimmed(readWav(stdout, 'what espeak-ng says'))
  }
}

/** The voices of flite, another synthesiser. */
export const fliteVoices = ['awb', 'kal16', 'rms', 'slt'] as const

/** A voice of flite. Its pitch is its own. */
export function flite(voice: (typeof fliteVoices)[number]): Speak {
  return async (text, { speed = 170 } = {}) => {
    const folder = await mkdtemp(join(tmpdir(), 'wake-word-'))
    const file = join(folder, 'speech.wav')
    try {
      const stretch = (170 / speed).toFixed(3)
      await run('flite', ['-voice', voice, '--setf', `duration_stretch=${stretch}`, '-t', text, '-o', file])
      return trimmed(readWav(await readFile(file), 'what flite says'))
    } finally {
      await rm(folder, { recursive: true })
    }
  }
}

/** Cuts what is 40 dB below the loudest from both ends. */
function trimmed(samples: Float32Array): Float32Array {
  const loudest = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  const isLoud = (x: number): boolean => Math.abs(x) > loudest / 100
  const from = samples.findIndex(isLoud)
  return from < 0 ? samples.subarray(0, 0) : samples.subarray(from, samples.findLastIndex(isLoud) + 1)
}
