import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Random } from '../audio/random.js'
import { wordsOf } from './text.js'

const run = promisify(execFile)

/** The phonemes of words as espeak-ng's American voice has them, in its mnemonics; `'` and `,` before one are stress. */
export async function phonemesOf(words: readonly string[]): Promise<Map<string, string[]>> {
  const process = run('espeak-ng', ['-v', 'en-us', '-q', '-x', '--sep=_'], { maxBuffer: 2 ** 28 })
  process.child.stdin?.end(words.map((word) => `${word}.\n\n`).join(''))
  const { stdout } = await process
  const lines = stdout.split('\n').filter((line) => line.trim() !== '')
  if (lines.length !== words.length)
    throw new Error(`espeak-ng gives ${lines.length} pronunciations of ${words.length} words`)
  return new Map(words.map((word, i) => [word, lines[i]!.trim().split('_')]))
}

/** A phoneme without its stress. */
export const withoutStress = (phoneme: string): string => phoneme.replace(/[',]/g, '')

/**
 * Where accents of English differ: J. C. Wells, Accents of English (1982). A mnemonic of espeak-ng, and those that other accents have in its place; an empty
 * one drops it.
 */
export const shifts: Readonly<Record<string, readonly string[]>> = {
  h: [''],
  eI: ['e:', 'E', 'aI'],
  aI: ['OI', 'a:', 'eI'],
  oU: ['o:', 'aU', 'O:'],
  aU: ['u:', 'a:'],
  OI: ['aI'],
  I: ['i', 'E', 'I2'],
  I2: ['i', '@'],
  i: ['I', 'eI'],
  'i:': ['I', 'eI'],
  E: ['I', 'a', 'eI'],
  a: ['E', 'A:'],
  aa: ['a', 'A:'],
  0: ['A:', 'O:', 'a'],
  'A:': ['a', 'O:'],
  'O:': ['0', 'oU'],
  V: ['U', '0', 'a'],
  U: ['u:', 'V'],
  'u:': ['U', 'i:'],
  '3:': ['E', '@'],
  3: ['3:', 'a#', '@'],
  '@': ['a#', '3:', 'I'],
  'a#': ['@', 'a'],
  T: ['f', 't'],
  D: ['d', 'v'],
  t: ['d'],
  r: ['w'],
}

/** How often a phoneme that accents disagree on is shifted. */
const shifted = 0.15

/**
 * Creates what respells a text as another accent may speak it, in espeak-ng's phonemes. Its eight accents are few, and people have more.
 *
 * @param texts all that it will be given
 */
export async function createRespeller(
  texts: readonly string[],
): Promise<(text: string, random: Random) => string> {
  const sounds = await phonemesOf([...new Set(texts.flatMap(wordsOf))])
  const respelled = (word: string, random: Random): string =>
    sounds
      .get(word)!
      .map((phoneme) => {
        const [, stress, bare] = /^([',]*)(.*)$/.exec(phoneme) as unknown as [string, string, string]
        const others = shifts[bare]
        return stress + (others !== undefined && random.next() < shifted ? random.pick(others) : bare)
      })
      .join('')
  return (text, random) =>
    `[[${wordsOf(text)
      .map((word) => respelled(word, random))
      .join(' ')}]]`
}
