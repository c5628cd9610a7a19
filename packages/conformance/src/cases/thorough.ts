import type { Case } from '../case.js'
import type { PlainBase } from '../plain.js'
import type { Problem, ProblemParameter } from '../problem.js'
import { small, table, type Row } from './table.js'

const bases: readonly PlainBase[] = [{ name: 'sgd', momentum: 0.9 }, { name: 'adam' }, { name: 'heavyBall' }]

const problem = (
  base: PlainBase,
  parameters: readonly ProblemParameter[],
  steps: number,
  seed: number,
): Problem => ({
  // ξ keeps v̂ near 1 for any number of elements.
  transformation: { base, learningRate: 1 / 64, xi: 2 ** -10, beta: 0.75 },
  parameters,
  steps,
  seed,
})

const large: readonly ProblemParameter[] = [
  { name: 'embedding', shape: [2048, 512] },
  { name: 'bias', shape: [100_003] },
]

const many: readonly ProblemParameter[] = Array.from({ length: 1000 }, (_, i) => ({
  name: `layer${i}`,
  shape: i % 3 === 0 ? [2, 2] : [1 + (i % 5)],
}))

const sizes = table(
  'thorough/size',
  bases.flatMap((base, i): Row[] => [
    {
      n: 10 * i + 1,
      title: `${base.name} over tensors of a million elements`,
      check: 'trajectory',
      problem: problem(base, large, 2, 900 + i),
    },
    {
      n: 10 * i + 2,
      title: `${base.name} over a thousand tensors`,
      check: 'trajectory',
      problem: problem(base, many, 3, 910 + i),
    },
  ]),
)

const lengths = table(
  'thorough/length',
  bases.flatMap((base, i): Row[] => [
    {
      n: 10 * i + 1,
      title: `${base.name} for 10,000 steps`,
      // In float32 the rounding errors of so many steps are larger than what is allowed for one.
      dtypes: ['float64'],
      check: 'trajectory',
      problem: problem(base, small, 10_000, 920 + i),
    },
    {
      n: 10 * i + 2,
      title: `${base.name}: 10,000 steps, saved and loaded on the way`,
      check: 'resume',
      problem: problem(base, small, 10_000, 930 + i),
      after: 5003,
    },
  ]),
)

/** Large tensors, many tensors and long runs: an optional stage, since it takes some ten times as long as a case usually does. */
export const thoroughCases: readonly Case[] = [...sizes, ...lengths]
