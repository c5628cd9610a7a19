import { expect, it } from 'vitest'
import { gpt, lenet, mlp, resnet18 } from '../../src/models/index.js'
import { relativeError } from '../run.js'
import { bothOf, runLowered } from './networks.js'

// The stock runtime runs models lowered for WebGPU as well: their losses and gradients are those of the usual lowering.

const crossEntropy = { loss: 'cross-entropy' } as const
const networks = [
  ['MLP', mlp({ sizes: [12, 9, 7], activation: 'relu', seed: 1 }), { batch: 5 }],
  ['MLP of sigmoids', mlp({ sizes: [12, 9, 7], activation: 'sigmoid', seed: 1 }), { batch: 5 }],
  ['LeNet', lenet({ size: 12, classes: 7, seed: 2 }), { batch: 3 }],
  ['LeNet with means', lenet({ size: 12, classes: 7, pool: 'average', seed: 2 }), { batch: 3 }],
  ['ResNet', resnet18({ width: 2, size: 8, classes: 7, seed: 3 }), { batch: 2 }],
  [
    'GPT',
    gpt({ vocabulary: 7, context: 6, layers: 1, heads: 2, width: 8, flatten: true, seed: 4 }),
    { batch: 2, sequence: 6, tokens: 12 },
  ],
] as const

it.each(networks)('%s', async (_, forward, extents) => {
  const pair = await bothOf(forward, crossEntropy, extents)
  const results = await runLowered(pair)
  for (const [name, expected] of pair.plain) {
    expect([name, relativeError(results.get(name)!, expected)]).toEqual([name, expect.toSatisfy((e: number) => e < 2e-6)])
  }
})

it.each(networks)('%s: nodes', async (name, forward, extents) => {
  const pair = await bothOf(forward, crossEntropy, extents)
  const counts: Record<string, number> = {}
  for (const { opType } of pair.lowered.model.graph.node) counts[opType] = (counts[opType] ?? 0) + 1
  console.log(name, pair.lowered.model.graph.node.length, JSON.stringify(counts))
})
