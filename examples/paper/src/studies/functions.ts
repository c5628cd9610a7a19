import {
  follow,
  testFunctions,
  transformationOf,
  type FunctionId,
  type OptimizerId,
} from '@induced-metric/example-functions'
import { choice, defineStudy, listed } from '@induced-metric/sweep'

const rates = [0.001, 0.01, 0.1, 1, 10]
const momenta = [0, 0.25, 0.5, 0.75, 0.9, 0.99]
const squares = [0.8, 0.85, 0.9, 0.99, 0.999]
const xis = [0.01, 0.1, 1, 10]

/** The numbers that each optimiser has, with values from the paper's best settings. */
const grids: Readonly<
  Record<OptimizerId, { readonly beta2?: readonly number[]; readonly xi?: readonly number[] }>
> = {
  adam: { beta2: squares },
  sgd: {},
  muon: { beta2: squares },
  identity: { xi: xis },
  log: { xi: xis },
  rms: { beta2: [0.85, 0.999], xi: xis },
}

const functions = Object.keys(testFunctions) as FunctionId[]
const optimizers = Object.keys(grids) as OptimizerId[]

const configurations = functions.flatMap((name) =>
  optimizers.flatMap((optimizer) => {
    const { beta2 = [undefined], xi = [undefined] } = grids[optimizer]
    return rates.flatMap((learningRate) =>
      momenta.flatMap((momentum) =>
        beta2.flatMap((square) =>
          xi.map((axis) => ({
            function: name,
            optimizer,
            learningRate,
            momentum,
            ...(square !== undefined && { beta2: square }),
            ...(axis !== undefined && { xi: axis }),
          })),
        ),
      ),
    )
  }),
)

/** The steps that count for a run which does not arrive. */
export const NEVER = 2000

/** The five functions: steps to the tolerance over a grid, and how much of the grid arrives at all. */
export default defineStudy({
  name: 'functions',
  space: {
    function: choice(functions),
    optimizer: choice(optimizers),
    learningRate: choice(rates),
    momentum: choice(momenta),
  },
  sampler: listed(configurations),
  metric: 'steps',
  run({ hyperparameters }) {
    const { function: name, ...settings } = hyperparameters
    const way = follow(transformationOf(settings), testFunctions[name])
    return { steps: way.iterations ?? NEVER }
  },
})
