/** A sequence of normal numbers: of a base's seed, a parameter's name, a stream, and a step of the parameter, from 1. */
export interface NormalSequence {
  readonly seed: number
  readonly name: string
  readonly stream: number
  readonly step: number
}

const word = 2n ** 32n

/**
 * Standard normal numbers as bases of one's own read them: blocks of Philox 4x32-10 (Salmon et al., 2011), of which Box and
 * Muller's formula makes pairs. The key is the low word of the seed and the FNV-1a hash of the name. The counter is the block, the low word of the step, the
 * stream, and the high words of step and seed, one xor the other.
 */
export function normalsOf(length: number, { seed, name, stream, step }: NormalSequence): Float64Array {
  const [wideSeed, wideStep] = [BigInt(seed), BigInt(step)]
  const high = (BigInt.asUintN(64, wideStep) / word) ^ (BigInt.asUintN(64, wideSeed) / word)
  const key = [BigInt.asUintN(32, wideSeed), hashOf(name)] as const
  const out = new Float64Array(length)
  for (let block = 0; 2 * block < length; block++) {
    const words = philox([BigInt(block), wideStep % word, BigInt(stream) % word, high % word], key)
    // 53 bits: the upper 27 of one word and the upper 26 of the next.
    const [u, v] = [0, 2].map((i) => Number((words[i]! >> 5n) * 2n ** 26n + (words[i + 1]! >> 6n)) / 2 ** 53)
    const radius = Math.sqrt(-2 * Math.log(1 - u!))
    out[2 * block] = radius * Math.cos(2 * Math.PI * v!)
    if (2 * block + 1 < length) out[2 * block + 1] = radius * Math.sin(2 * Math.PI * v!)
  }
  return out
}

function philox(counter: readonly bigint[], key: readonly [bigint, bigint]): readonly bigint[] {
  let [a, b, c, d] = counter as [bigint, bigint, bigint, bigint]
  for (let round = 0n; round < 10n; round++) {
    const keys = [key[0] + round * 0x9e3779b9n, key[1] + round * 0xbb67ae85n].map((k) => k % word)
    const [first, second] = [0xd2511f53n * a, 0xcd9e8d57n * c]
    ;[a, b, c, d] = [
      (second / word) ^ b ^ keys[0]!,
      second % word,
      (first / word) ^ d ^ keys[1]!,
      first % word,
    ]
  }
  return [a, b, c, d]
}

function hashOf(text: string): bigint {
  let hash = 0x811c9dc5n
  for (let i = 0; i < text.length; i++) hash = ((hash ^ BigInt(text.charCodeAt(i))) * 0x01000193n) % word
  return hash
}
