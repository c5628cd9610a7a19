import { readFileSync } from 'node:fs'

type Rows = readonly (readonly number[])[]

/** Made by scripts/golden/matrices.py. */
interface Golden {
  readonly data: {
    readonly quadratic: { readonly left: Rows; readonly right: Rows; readonly centre: Rows }
    readonly network: { readonly inputs: Rows; readonly targets: Rows; readonly batch: number }
    readonly filter: {
      readonly diagonal: readonly number[]
      readonly coupling: number
      readonly centre: readonly number[]
    }
  }
  readonly problems: readonly {
    readonly name: string
    readonly params: readonly {
      readonly name: string
      readonly shape: readonly number[]
      readonly data: readonly number[]
    }[]
  }[]
  readonly vectors: readonly {
    readonly base: { readonly name: string; readonly [option: string]: unknown }
    readonly learningRate: number
    readonly source: string
    readonly problem: string
    readonly expected: readonly { readonly step: number; readonly params: Rows }[]
  }[]
}
const golden = JSON.parse(readFileSync(new URL('fixtures/matrices.json', import.meta.url), 'utf8')) as Golden
const { data, vectors } = golden
/** The problems: their parameters. */
export const { problems } = golden

const sum = (count: number, term: (i: number) => number): number =>
  Array.from({ length: count }, (_, i) => term(i)).reduce((total, value) => total + value, 0)
const table = (rows: number, columns: number, at: (i: number, j: number) => number): number[] =>
  Array.from({ length: rows * columns }, (_, k) => at(Math.floor(k / columns), k % columns))

/** The gradients of the script's problems, in double precision. */
export const gradients: Readonly<
  Record<string, (theta: readonly ArrayLike<number>[], step: number) => readonly number[][]>
> = {
  quadratic([w]) {
    const { left, right, centre } = data.quadratic
    const half = table(4, 3, (i, j) => sum(4, (k) => left[i]![k]! * (w![3 * k + j]! - centre[k]![j]!)))
    return [table(4, 3, (i, j) => sum(3, (k) => half[3 * i + k]! * right[k]![j]!))]
  },
  filter([w]) {
    const { diagonal, coupling, centre } = data.filter
    const distance = centre.map((c, i) => w![i]! - c)
    const total = sum(12, (i) => distance[i]!)
    return [distance.map((d, i) => (diagonal[i]! - coupling) * d + coupling * total)]
  },
  network([hidden, bias, output], step) {
    const { inputs, targets, batch } = data.network
    const start = ((step - 1) * batch) % inputs.length
    const x = inputs.slice(start, start + batch)
    const y = targets.slice(start, start + batch)
    const h = table(batch, 4, (n, i) => Math.tanh(sum(3, (k) => x[n]![k]! * hidden![3 * i + k]!) + bias![i]!))
    const e = table(
      batch,
      3,
      (n, i) => (sum(4, (k) => h[4 * n + k]! * output![4 * i + k]!) - y[n]![i]!) / batch,
    )
    const back = table(
      batch,
      4,
      (n, i) => sum(3, (k) => e[3 * n + k]! * output![4 * k + i]!) * (1 - h[4 * n + i]! ** 2),
    )
    return [
      table(4, 3, (i, j) => sum(batch, (n) => back[4 * n + i]! * x[n]![j]!)),
      table(1, 4, (_, i) => sum(batch, (n) => back[4 * n + i]!)),
      table(3, 4, (i, j) => sum(batch, (n) => e[3 * n + i]! * h[4 * n + j]!)),
    ]
  },
}

/** The largest error, relative to the largest magnitude. */
export function worst(got: ArrayLike<number>, expected: readonly number[]): number {
  const size = Math.max(...expected.map(Math.abs))
  return Math.max(...expected.map((x, i) => Math.abs(got[i]! - x))) / size
}

/** The golden vectors with their names. */
export const named = vectors.map((vector) => {
  const { name, ...options } = vector.base
  return [`${name} ${JSON.stringify(options)} on ${vector.problem}: ${vector.source}`, vector] as const
})
