import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { trainHere } from '../../bench/torch/curve.mjs'
import { problems } from '../../bench/torch/problems.mjs'

// The losses of PyTorch on the same networks, data and optimisers: bench/torch/compare.mjs --write makes them.
const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/torch.json', import.meta.url), 'utf8'),
) as Readonly<Record<keyof typeof problems, { readonly losses: readonly number[] }>>

it.each(['gpt', 'resnet18'] as const)(
  '%s learns as it does in PyTorch, step by step',
  async (name) => {
    const { losses } = await trainHere(problems[name])
    const expected = fixture[name].losses
    expect(losses).toHaveLength(50)
    expect(expected).toHaveLength(50)
    for (const [step, loss] of losses.entries()) {
      expect(Math.abs(loss - expected[step]!), `step ${step + 1}`).toBeLessThan(1e-3)
    }
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!)
  },
  240_000,
)
