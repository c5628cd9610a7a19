import type { Random } from '../audio/random.js'

/**
 * Invents a voice of espeak-ng: the text of a variant's file. The ranges are about those of its own variants, of men, women and children; formants move together, as the
 * length of a vocal tract moves them, and each a little by itself.
 */
export function inventVoice(random: Random): string {
  const whole = (from: number, to: number): number => Math.round(random.between(from, to))
  const pitch = whole(65, 230)
  const tract = 100 * random.between(0.88, 1.26)
  const lines = ['language variant', `pitch ${pitch} ${Math.round(pitch * random.between(1.15, 1.8))}`]
  for (let formant = 0; formant <= 8; formant++) {
    const frequency = Math.round(tract * random.between(0.94, 1.06))
    const strength = formant < 4 ? whole(70, 150) : whole(20, 140)
    lines.push(`formant ${formant} ${frequency} ${strength} ${whole(60, 150)}`)
  }
  const sometimes = (share: number, line: () => string): void => {
    if (random.next() < share) lines.push(line())
  }
  sometimes(0.3, () => `klatt ${whole(1, 6)}`)
  sometimes(0.5, () => `voicing ${whole(40, 110)}`)
  sometimes(0.5, () => `consonants ${whole(60, 150)} ${whole(70, 150)}`)
  sometimes(0.4, () => `roughness ${whole(0, 4)}`)
  sometimes(0.4, () => `flutter ${whole(0, 6)}`)
  sometimes(0.3, () => `tone 600 ${whole(80, 255)} 1200 ${whole(80, 255)} 2000 ${whole(80, 255)}`)
  sometimes(0.2, () => `echo ${whole(20, 150)} ${whole(5, 25)}`)
  sometimes(0.4, () => `intonation ${whole(1, 4)}`)
  return lines.join('\n')
}
