import { describe, expect, it } from 'vitest'
import {
  adam,
  createOptimizer,
  heavyBall,
  inducedMetric,
  root,
  serverStep,
  sgd,
  type ClientWeights,
  type Optimizer,
  type Transformation,
} from '@induced-metric/core'
import { expectError } from './support.js'

const start = () => [
  { name: 'w', shape: [2, 2], data: new Float64Array([1, -2, 0.5, 3]) },
  { name: 'b', shape: [2], data: new Float64Array([0, 1]) },
]

const transformations: Record<string, Transformation> = {
  FedAvg: inducedMetric(sgd(), { learningRate: 1, xi: 0 }),
  FedAdam: inducedMetric(adam({ epsilon: 1e-3 }), { learningRate: 0.1, xi: 0 }),
  DiLoCo: inducedMetric(heavyBall({ momentum: 0.9, nesterov: true }), { learningRate: 0.7, xi: 0 }),
  'FedAdam with the metric': inducedMetric(adam(), { learningRate: 1, xi: 'rate', embedding: root() }),
}

/** Weights that a client makes of the server's: some steps of plain descent on its own bowl. */
function train(server: Optimizer, target: number, steps: number): ClientWeights & { loss: number } {
  let loss = 0
  const weights = server.parameters.map(({ data }) => {
    const copy = Float64Array.from(data)
    for (const x of copy) loss += (x - target) ** 2
    for (let step = 0; step < steps; step++) copy.forEach((x, i) => (copy[i] = x - 0.1 * 2 * (x - target)))
    return copy
  })
  return { weights, loss }
}

const valuesOf = ({ parameters }: Optimizer) => parameters.map(({ data }) => [...data])

describe.each(Object.entries(transformations))('%s', (_, transformation) => {
  it('is a step of the optimiser by the pseudo-gradient and the loss, weighed by examples', () => {
    const [server, plain] = [start(), start()].map((parameters) =>
      createOptimizer(transformation, parameters),
    ) as [Optimizer, Optimizer]
    for (let round = 0; round < 5; round++) {
      const clients = [-1, 2, 5].map((target, k) => ({
        ...train(server, target, k + 1),
        examples: 10 * (k + 1),
      }))
      const pseudo = plain.parameters.map(({ data }, index) =>
        data.map((x, i) =>
          clients.reduce(
            (sum, { weights, examples }) => sum + (examples / 60) * (x - weights[index]![i]!),
            0,
          ),
        ),
      )
      const loss = clients.reduce((sum, client) => sum + (client.examples / 60) * client.loss, 0)
      expect(serverStep(server, clients)).toEqual(plain.step(pseudo, { loss }))
      expect(valuesOf(server)).toEqual(valuesOf(plain))
    }
  })

  it('comes to where the average of the clients is best', () => {
    const server = createOptimizer(transformation, start())
    for (let round = 0; round < 300; round++)
      serverStep(server, [train(server, 1, 3), train(server, 2, 3), train(server, 6, 3)])
    for (const value of valuesOf(server).flat()) expect(Math.abs(value - 3)).toBeLessThan(0.05)
  })
})

it('with sgd at the rate 1 the weights become the weighted average', () => {
  const server = createOptimizer(transformations['FedAvg']!, start())
  const ones = (value: number) => [new Float64Array(4).fill(value), new Float64Array(2).fill(value)]
  serverStep(server, [
    { weights: ones(1), examples: 300 },
    { weights: ones(5), examples: 100 },
  ])
  for (const value of valuesOf(server).flat()) expect(value).toBeCloseTo(2, 14)
  serverStep(server, [{ weights: ones(1) }, { weights: ones(4) }, { weights: ones(7) }])
  for (const value of valuesOf(server).flat()) expect(value).toBeCloseTo(4, 14)
})

it('a client with NaN changes nothing, and the round is reported as skipped', () => {
  const server = createOptimizer(transformations['FedAdam']!, start())
  const before = valuesOf(server)
  const broken = train(server, 2, 1)
  broken.weights[0]![1] = NaN
  expect(serverStep(server, [train(server, 1, 1), broken])).toMatchObject({ skippedSteps: 1 })
  expect(valuesOf(server)).toEqual(before)
})

describe('what makes no sense is refused, and leaves everything as it was', () => {
  const server = createOptimizer(transformations['FedAdam with the metric']!, start())
  const good = (): ClientWeights => ({ weights: [new Float64Array(4), new Float64Array(2)], loss: 1 })
  it.each([
    ['no clients', [], 'ERR_OPTION', 'at least one'],
    ['one client outside an array', good(), 'ERR_OPTION', 'array'],
    ['no examples', [{ ...good(), examples: 0 }], 'ERR_OPTION', 'examples'],
    ['a loss of some', [good(), { weights: good().weights }], 'ERR_OPTION', '1 of 2'],
    ['a text for a loss', [{ ...good(), loss: '1' }], 'ERR_OPTION', 'loss of client 0'],
    ['an unknown name', [{ ...good(), count: 3 }], 'ERR_OPTION', 'count'],
    ['too few arrays', [good(), { ...good(), weights: [new Float64Array(4)] }], 'ERR_SHAPE', 'client 1'],
    [
      'another length',
      [{ ...good(), weights: [new Float64Array(4), new Float64Array(3)] }],
      'ERR_SHAPE',
      '"b"',
    ],
    [
      'lists',
      [
        {
          ...good(),
          weights: [
            [1, 2, 3, 4],
            [1, 2],
          ],
        },
      ],
      'ERR_SHAPE',
      '"w"',
    ],
  ])('%s', (_, clients, code, message) => {
    const before = [valuesOf(server), server.save()]
    expectError(() => serverStep(server, clients as never), code as 'ERR_OPTION', message)
    expect([valuesOf(server), server.save()]).toEqual(before)
  })
})
