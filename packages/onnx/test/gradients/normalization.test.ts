import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataType } from '../../src/proto/index.js'
import { node } from '../builder.js'
import { isInstalled } from '../genuine/runtime.js'
import { axisOf, checkNode, dims, forAll, gradientsOf, symbolics } from './arbitraries.js'
import { checkGradients, composed, drawn, gradientModel, single, tensor } from './harness.js'
import { normalized, stretchedIndices } from './references.js'

const type = dataType.float
const positive = { low: 0.4, high: 2 }
const epsilon = { float: 0.0009765625 }
const eps = epsilon.float

/** Shapes with enough elements in the normalised axes for a meaningful variance. */
const layers = dims({ min: 1, max: 2 }, 3).chain((leading) =>
  fc.tuple(fc.constant(leading), fc.array(fc.integer({ min: 3, max: 4 }), { minLength: 1, maxLength: 2 })),
)
const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1)

describe('gradients of layer normalisations', () => {
  it.each([
    ['LayerNormalization', 17],
    ['LayerNormalization', 22],
    ['SimplifiedLayerNormalization', 17],
    ['RMSNormalization', 23],
  ])('%s at opset %i, in double precision', async (opType, opset) => {
    await forAll(
      fc.tuple(layers, fc.nat(1000), symbolics, fc.boolean(), fc.boolean()),
      async ([[leading, trailing], seed, symbolic, isBackwards, hasBias]) => {
        const shape = [...leading, ...trailing]
        const axis = isBackwards ? -trailing.length : leading.length
        const inputs = {
          x: drawn(shape, seed),
          scale: drawn(trailing, seed + 1),
          ...(opType === 'LayerNormalization' && hasBias && { bias: drawn(trailing, seed + 2) }),
        }
        await checkNode(opType, inputs, { attributes: { axis, epsilon }, opset, symbolic })
      },
      15,
    )
  })

  it('LayerNormalization and RMSNormalization with a scale that is stretched', async () => {
    for (const scale of [[1], [4], [3, 1], [1, 1]]) {
      const inputs = { x: drawn([2, 3, 4], 1), scale: drawn(scale, 2) }
      await checkNode('RMSNormalization', inputs, { attributes: { axis: 1, epsilon }, opset: 23 })
    }
    for (const scale of [[4], [3, 1], [1, 4]]) {
      const inputs = { x: drawn([2, 3, 4], 1), scale: drawn(scale, 2), bias: drawn(scale, 3) }
      await checkNode('LayerNormalization', inputs, { attributes: { axis: 1, epsilon } })
    }
  })

  it.each([
    ['LayerNormalization', true],
    ['SimplifiedLayerNormalization', false],
  ])('%s in float, by the gradient operator of the training build', async (opType, centered) => {
    await forAll(
      fc.tuple(layers, fc.nat(1000), symbolics),
      async ([[leading, trailing], seed, symbolic]) => {
        const count = product(trailing)
        const inputs = {
          x: drawn([...leading, ...trailing], seed, { type }),
          scale: drawn(trailing, seed + 1, { type }),
          ...(centered && { bias: drawn(trailing, seed + 2, { type }) }),
        }
        await checkNode(opType, inputs, {
          attributes: { axis: leading.length, epsilon },
          symbolic,
          precision: 'float',
          reference: ({ x, scale, bias }) => [
            normalized(x!, count, eps, centered).map(
              (value, i) => value * scale![i % count]! + (bias?.[i % count] ?? 0),
            ),
          ],
          genuine: isInstalled,
        })
      },
      15,
    )
  })

  it.each([
    ['com.microsoft:SkipLayerNormalization', true],
    ['com.microsoft:SkipSimplifiedLayerNormalization', false],
  ])('%s', async (opType, centered) => {
    await forAll(
      fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(1000), fc.boolean(), fc.boolean(), symbolics),
      async ([batch, seed, hasBias, isStretched, symbolic]) => {
        const [width, positions] = [4, 2]
        const shape = [batch, positions, width]
        const skip = isStretched ? [positions, width] : shape
        const spread = stretchedIndices(skip, shape)
        const inputs = {
          x: drawn(shape, seed, { type }),
          skip: drawn(skip, seed + 1, { type }),
          scale: drawn([width], seed + 2, { type }),
          ...(centered && { beta: drawn([width], seed + 3, { type }) }),
          ...(hasBias && { bias: drawn([width], seed + 4, { type }) }),
        }
        await checkNode(opType, inputs, {
          attributes: { epsilon },
          outputs: seed % 2 === 0 ? ['y'] : ['y', '', '', 'sum'],
          symbolic: isStretched ? 'known' : symbolic,
          precision: 'float',
          reference: ({ x, skip: added, scale, beta, bias }) => {
            const sum = x!.map((value, i) => value + added![spread[i]!]! + (bias?.[i % width] ?? 0))
            const y = normalized(sum, width, eps, centered).map(
              (value, i) => value * scale![i % width]! + (beta?.[i % width] ?? 0),
            )
            return [y, sum]
          },
        })
      },
      15,
    )
  })

  it('X alone, scale alone, bias alone', async () => {
    const inputs = {
      x: drawn([3, 4], 1, { type }),
      scale: drawn([4], 2, { type }),
      bias: drawn([4], 3, { type }),
    }
    for (const name of Object.keys(inputs)) {
      await checkNode('LayerNormalization', inputs, {
        wanted: [name],
        attributes: { epsilon },
        precision: 'float',
        reference: ({ x, scale, bias }) => [
          normalized(x!, 4, eps, true).map((value, i) => value * scale![i % 4]! + bias![i % 4]!),
        ],
        genuine: isInstalled,
      })
    }
  })
})

describe('gradients of batch normalisation', () => {
  const cases = fc.record({
    batch: fc.integer({ min: 2, max: 3 }),
    channels: fc.integer({ min: 1, max: 3 }),
    positions: dims({ max: 2 }),
    seed: fc.nat(1000),
    symbolic: symbolics,
    opset: fc.constantFrom(14, 17, 22),
  })
  const inputsOf = (batch: number, channels: number, positions: readonly number[], seed: number) => ({
    x: drawn([batch, channels, ...positions, 2], seed),
    scale: drawn([channels], seed + 1),
    bias: drawn([channels], seed + 2),
    mean: drawn([channels], seed + 3),
    variance: drawn([channels], seed + 4, positive),
  })

  it('in training', async () => {
    await forAll(
      cases,
      async ({ batch, channels, positions, seed, symbolic, opset }) => {
        const { mean, variance, ...inputs } = inputsOf(batch, channels, positions, seed)
        const values = (given: typeof mean) => ({ dims: [channels], data: Array.from(given.data, Number) })
        const statistics = { mean: values(mean), variance: values(variance) }
        const forward = composed(
          [
            node('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'variance'], ['y', 'm', 'v'], {
              training_mode: 1,
              epsilon,
            }),
          ],
          {
            x: {
              dims: inputs.x.dims.map((extent, axis) =>
                symbolic === 'known' || axis === 1 ? extent : `n${axis}`,
              ),
            },
            scale: { dims: [channels] },
            bias: { dims: [channels] },
            ...statistics,
          },
          ['y'],
          opset,
        )
        await checkGradients(forward, inputs, { genuine: isInstalled && opset < 20 })
      },
      20,
    )
  })

  it('with running statistics, also those of the statistics', async () => {
    await forAll(
      cases,
      async ({ batch, channels, positions, seed, symbolic, opset }) => {
        await checkNode('BatchNormalization', inputsOf(batch, channels, positions, seed), {
          attributes: { epsilon },
          opset,
          symbolic,
          genuine: isInstalled && opset < 20,
        })
      },
      20,
    )
  })

  it('by the operator of the training build, which saves its statistics', async () => {
    await forAll(
      cases,
      async ({ batch, channels, positions, seed, symbolic }) => {
        const { mean, variance, ...inputs } = inputsOf(batch, channels, positions, seed)
        const values = (given: typeof mean) => ({ dims: [channels], data: Array.from(given.data, Number) })
        // The loss must not depend on the running statistics, so they are not outputs of the model.
        const forward = single(
          'com.microsoft:BatchNormInternal',
          {
            x: {
              dims: inputs.x.dims.map((extent, axis) =>
                symbolic === 'known' || axis === 1 ? extent : `n${axis}`,
              ),
            },
            scale: { dims: [channels] },
            bias: { dims: [channels] },
            mean: values(mean),
            variance: values(variance),
          },
          { training_mode: 1, epsilon },
          { outputs: ['y', 'm', 'v', 'saved_mean', 'saved_inverse'] },
        )
        forward.graph.output = forward.graph.output.filter(({ name }) => name === 'y')
        await checkGradients(forward, inputs, { genuine: isInstalled })
      },
      12,
    )
  })

  it('of vectors', async () => {
    const names = ['x', 'scale', 'bias', 'mean', 'variance']
    const statistics = { mean: { dims: [3], data: [0, 0, 0] }, variance: { dims: [3], data: [1, 1, 1] } }
    const inputs = { x: drawn([4, 3], 1), scale: drawn([3], 2), bias: drawn([3], 3) }
    const forward = composed(
      [node('BatchNormalization', names, ['y', 'm', 'v'], { training_mode: 1, epsilon })],
      { x: { dims: ['n', 3] }, scale: { dims: [3] }, bias: { dims: [3] }, ...statistics },
      ['y'],
    )
    await checkGradients(forward, inputs, { genuine: isInstalled })
  })

  it('of the running statistics that come out are refused', async () => {
    const forward = composed(
      [node('BatchNormalization', ['x', 's', 's', 's', 's'], ['y', 'm', 'v'], { training_mode: 1 })],
      { x: { dims: [2, 3] }, s: { dims: [3] } },
      ['y', 'm'],
    )
    await expect(gradientModel(forward, { m: drawn([3], 1) }, ['x'])).rejects.toThrow(
      /ERR_NOT_SUPPORTED: operator BatchNormalization .*statistics have no gradient/,
    )
  })
})

describe('gradients of other normalisations', () => {
  const cases = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    each: fc.integer({ min: 1, max: 2 }),
    positions: dims({ max: 2 }),
    seed: fc.nat(1000),
    symbolic: symbolics,
  })

  it('InstanceNormalization', async () => {
    await forAll(
      cases,
      async ({ batch, groups: channels, positions, seed, symbolic }) => {
        const shape = [batch, channels, ...positions, 4]
        const count = 4 * product(positions)
        const inputs = {
          x: drawn(shape, seed, { type }),
          scale: drawn([channels], seed + 1, { type }),
          bias: drawn([channels], seed + 2, { type }),
        }
        await checkNode('InstanceNormalization', inputs, {
          attributes: { epsilon },
          symbolic,
          precision: 'float',
          reference: ({ x, scale, bias }) => [
            normalized(x!, count, eps, true).map((value, i) => {
              const channel = Math.floor(i / count) % channels
              return value * scale![channel]! + bias![channel]!
            }),
          ],
          genuine: isInstalled,
        })
      },
      12,
    )
  })

  it.each([18, 21, 22])('GroupNormalization at opset %i', async (opset) => {
    await forAll(
      cases,
      async ({ batch, groups, each, positions, seed, symbolic }) => {
        const channels = groups * each
        const parameters = opset < 21 ? [groups] : [channels]
        const inputs = {
          x: drawn([batch, channels, ...positions, 4], seed),
          scale: drawn(parameters, seed + 1),
          bias: drawn(parameters, seed + 2),
        }
        // The runtime's function must know the extents of channels.
        const known = symbolic === 'equal' || symbolic === 'own' ? 'first' : symbolic
        // Otherwise in float, whatever X is.
        const attributes = {
          num_groups: groups,
          epsilon,
          ...(opset >= 21 && { stash_type: dataType.double }),
        }
        await checkNode('GroupNormalization', inputs, { attributes, opset, symbolic: known })
      },
      12,
    )
  })

  it('LpNormalization', async () => {
    await forAll(
      dims({ min: 1 }, 4).chain((shape) =>
        fc.tuple(fc.constant(shape), axisOf(shape.length), fc.constantFrom(1, 2), fc.nat(1000), symbolics),
      ),
      async ([shape, axis, p, seed, symbolic]) => {
        // With one element it is a sign.
        fc.pre(shape.at(axis) !== 1)
        const x = drawn(shape, seed, { away: [0] })
        await checkNode('LpNormalization', { x }, { attributes: { axis, p }, symbolic, genuine: isInstalled })
      },
      15,
    )
    for (const p of [1, 2]) {
      const forward = single('LpNormalization', { x: { dims: [2] } }, { p })
      const found = await gradientsOf(forward, { x: tensor([2], [0, 0]) }, { y: tensor([2], [1, 1]) })
      expect(found['x']).toEqual([0, 0])
    }
  })
})
