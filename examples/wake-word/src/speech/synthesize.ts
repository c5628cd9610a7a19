import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sampleRate } from '../features/features.js'
import { readWav } from '../audio/wav.js'
import { installed } from './variants.js'
import type { Manner, Voice } from './voices.js'

const run = promisify(execFile)

/** Speaks a text: 16 kHz, mono, at the scale of int16, without silence before and after. */
export type Speak = (text: string, manner?: Partial<Manner>) => Promise<Float32Array>

/** A text, and how it is spoken where that differs from the voice's own manner. */
export interface Utterance {
  readonly text: string
  readonly manner?: Partial<Manner>
}

/** Speaks texts one by one, each as {@link Speak} does. */
export type SpeakEach = (utterances: readonly Utterance[]) => Promise<Float32Array[]>

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
export function espeak(voice: Voice): Speak {
  return async (text, changes = {}) => {
    const { pitch, speed, gap = 0 } = { ...voice.manner, ...changes }
    return trimmed(await runEspeak(voice, [...['-p', pitch, '-s', speed, '-g', gap].map(String), text]))
  }
}

async function runEspeak(voice: Voice, options: readonly string[]): Promise<Float32Array> {
  const { accent, variant, definition } = voice
  const path = definition === undefined ? [] : [`--path=${await installed(variant, definition)}`]
  const all = [...path, '-v', `${accent}+${variant}`, '--stdout', ...options]
  const { stdout } = await run('espeak-ng', all, { encoding: 'buffer', maxBuffer: 2 ** 28 })
  return readWav(stdout, 'what espeak-ng says')
}

/** Seconds of silence between the texts of a run, and those that tell it from the pauses of a text. */
const silence = { made: 1.5, least: 1.2 }
/** What is still, at the scale of int16: the echo of some voices takes a second to fade. */
const faint = 8

/**
 * A voice of espeak-ng for many short texts. One run speaks all that have the same gap, as starting the program takes longer than speaking.
 */
export function espeakEach(voice: Voice): SpeakEach {
  const { manner } = voice
  const alone = espeak(voice)
  const together = async (gap: number, all: readonly Utterance[]): Promise<Float32Array[]> => {
    const marked = all.map(({ text, manner: changes }) => {
      const { pitch, speed } = { ...manner, ...changes }
      // The default pitch of espeak-ng is 50, and its default speed 175 words a minute.
      const prosody = `<prosody pitch="${pitch * 2}%" rate="${((100 * speed) / 175).toFixed(2)}%">`
      // Without the line's end, what follows `]]` is read out.
      return `${prosody}${escaped(text)}\n</prosody><break time="${silence.made * 1000}ms"/>`
    })
    const parts = partsOf(await runEspeak(voice, ['-m', '-g', String(gap), marked.join('\n')])).map(trimmed)
    return parts.length === all.length ? parts : oneByOne(alone, all)
  }
  return async (utterances) => {
    if (utterances.length < 2) return oneByOne(alone, utterances)
    const results = new Map<Utterance, Float32Array>()
    const gapOf = (one: Utterance): number => one.manner?.gap ?? manner.gap ?? 0
    for (const gap of new Set(utterances.map(gapOf))) {
      const all = utterances.filter((one) => gapOf(one) === gap)
      for (const [i, sound] of (await together(gap, all)).entries()) results.set(all[i]!, sound)
    }
    return utterances.map((one) => results.get(one)!)
  }
}

async function oneByOne(speak: Speak, utterances: readonly Utterance[]): Promise<Float32Array[]> {
  const results: Float32Array[] = []
  for (const { text, manner } of utterances) results.push(await speak(text, manner))
  return results
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** What is between long silences. */
function partsOf(samples: Float32Array): Float32Array[] {
  const parts: Float32Array[] = []
  let [from, still] = [0, 0]
  for (let i = 0; i <= samples.length; i++) {
    const isStill = i < samples.length && Math.abs(samples[i]!) < faint
    if (!isStill && (still >= silence.least * sampleRate || i === samples.length)) {
      if (i - still > from) parts.push(samples.subarray(from, i - still))
      from = i
    }
    still = isStill ? still + 1 : 0
  }
  return parts
}

/** The voices of flite, another synthesiser. */
export const fliteVoices = ['awb', 'kal16', 'rms', 'slt'] as const

/** A voice of flite for many texts. */
export const fliteEach =
  (voice: (typeof fliteVoices)[number]): SpeakEach =>
  (utterances) =>
    oneByOne(flite(voice), utterances)

/** A voice of flite. Its pitch is its own. */
function flite(voice: (typeof fliteVoices)[number]): Speak {
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
