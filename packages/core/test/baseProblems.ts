import { readFileSync } from 'node:fs'

/** Made by scripts/golden/bases.py. */
interface Golden {
  readonly data: {
    readonly quadratic: {
      readonly diagonal: readonly number[]
      readonly coupling: number
      readonly centre: readonly number[]
    }
    readonly logistic: {
      readonly inputs: readonly (readonly number[])[]
      readonly labels: readonly number[]
      readonly batch: number
    }
  }
  readonly problems: readonly {
    readonly name: string
    readonly params: readonly {
      readonly name: string
      readonly shape: readonly number[]
      readonly data: number | readonly number[]
    }[]
  }[]
  readonly vectors: readonly {
    readonly base: { readonly name: string; readonly [option: string]: unknown }
    readonly learningRate: number | { readonly schedule: string }
    readonly source: string
    readonly problem: string
    /** Whether single precision cannot follow it; the script says why. */
    readonly double?: boolean
    readonly expected: readonly {
      readonly step: number
      readonly params: readonly (readonly number[])[]
      /** The weights to evaluate with, where they are others. */
      readonly evaluation?: readonly (readonly number[])[]
    }[]
  }[]
}
const golden = JSON.parse(readFileSync(new URL('fixtures/bases.json', import.meta.url), 'utf8')) as Golden
const { data, vectors } = golden
/** The problems: their parameters. */
export const { problems } = golden

/** Loss and gradients of the script's problems, in double precision. */
export const problemAt: Readonly<
  Record<
    string,
    (
      theta: readonly ArrayLike<number>[],
      step: number,
    ) => { readonly loss: number; readonly gradients: readonly number[][] }
  >
> = {
  quadratic([w]) {
    const { diagonal, coupling, centre } = data.quadratic
    const distance = centre.map((c, i) => w![i]! - c)
    const total = distance.reduce((sum, d) => sum + d, 0)
    const gradient = distance.map((d, i) => (diagonal[i]! - coupling) * d + coupling * total)
    return { loss: gradient.reduce((sum, g, i) => sum + (g * distance[i]!) / 2, 0), gradients: [gradient] }
  },
  rosenbrock([x]) {
    const pair = (a: number, b: number): number[] => [-40 * a * (b - a * a) - 2 * (1 - a), 20 * (b - a * a)]
    const height = (a: number, b: number): number => 10 * (b - a * a) ** 2 + (1 - a) ** 2
    return {
      loss: height(x![0]!, x![1]!) + height(x![2]!, x![3]!),
      gradients: [[...pair(x![0]!, x![1]!), ...pair(x![2]!, x![3]!)]],
    }
  },
  logistic([kernel, bias], step) {
    const { inputs, labels, batch } = data.logistic
    const start = ((step - 1) * batch) % labels.length
    const [along, shift] = [[0, 0, 0], [0]]
    let loss = 0
    for (let i = start; i < start + batch; i++) {
      const x = inputs[i]!
      const z = x.reduce((sum, value, j) => sum + value * kernel![j]!, bias![0]!)
      const p = -labels[i]! / (1 + Math.exp(labels[i]! * z)) / batch
      loss += Math.log1p(Math.exp(-labels[i]! * z)) / batch
      x.forEach((value, j) => (along[j] = along[j]! + value * p))
      shift[0] = shift[0]! + p
    }
    return { loss, gradients: [along, shift] }
  },
}

/** The largest error, relative to the largest expected magnitude. */
export function worst(got: ArrayLike<number>, expected: readonly number[]): number {
  const size = Math.max(...expected.map(Math.abs))
  return Math.max(...expected.map((x, i) => Math.abs(got[i]! - x))) / (size === 0 ? 1 : size)
}

/** The vectors with their names. */
export const named = vectors.map((vector) => {
  const { name, ...options } = vector.base
  return [`${name} ${JSON.stringify(options)} on ${vector.problem}: ${vector.source}`, vector] as const
})
