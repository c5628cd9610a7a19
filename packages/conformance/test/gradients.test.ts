import { describe, expect, it } from 'vitest'
import { checkGradients, type GradientModel, type GradientParameter } from '../src/index.js'

// A net of one hidden layer, by hand, over a framework of five lines: it calls `update` at the end of a step. Each defect is one that
// an adapter has in the half that the conformance suite does not see.

const inputs = [[0.5, -1], [1.5, 0.25], [-0.75, 2]] as const // prettier-ignore
const wanted = [1, -0.5, 0.25]

type Defect =
  | 'biases left out'
  | 'batch not divided'
  | 'another loss'
  | 'gradients not cleared'
  | 'an update per example'
  | 'a transposed shape'
  | 'a transposed gradient'
  | 'zeros for a frozen weight'
  | 'a loss without its half'
  | 'no loss'
  | 'a gradient too short'
  | 'weights that nothing depends on'

function net(defect?: Defect, type: typeof Float32Array | typeof Float64Array = Float64Array): GradientModel {
  const hidden = type.of(0.3, -0.2, 0.5, 0.1, 0.7, -0.4)
  const bias = type.of(0.1, -0.1, 0.2)
  const output = type.of(0.6, -0.3, 0.8)
  const scale = type.of(1.5)
  const sums = [hidden, bias, output].map(({ length }) => new Float64Array(length))
  const is = (name: Defect): boolean => defect === name

  const add = (example: number, divisor: number): number => {
    const [x, y] = inputs[example]!
    const z = [0, 1, 2].map((j) => Math.tanh(hidden[j]! * x + hidden[3 + j]! * y + bias[j]!))
    const error = scale[0]! * z.reduce((sum, a, j) => sum + a * output[j]!, 0) - wanted[example]!
    z.forEach((a, j) => {
      const back = (scale[0]! * error * output[j]! * (1 - a * a)) / divisor
      sums[0]![j]! += back * x
      sums[0]![3 + j]! += back * y
      sums[1]![j]! += back
      sums[2]![j]! += (scale[0]! * error * a) / divisor
    })
    return error ** 2 / 2
  }
  const all: GradientParameter[] = [
    { name: 'hidden', shape: is('a transposed shape') ? [3, 2] : [2, 3], data: hidden },
    { name: 'bias', shape: [3], data: bias },
    { name: 'output', shape: [3, 1], data: output },
    { name: 'scale', shape: [], data: scale },
  ]
  return {
    parameters: () => all.filter(({ name }) => !(is('biases left out') && name === 'bias')),
    train(examples) {
      const updates: { loss: number | undefined; gradients: (ArrayLike<number> | null)[] }[] = []
      const finish = (loss: number): void => {
        const [first, second, third] = sums.map((sum) => sum.slice())
        const shown = is('a transposed gradient')
          ? first!.map((_, i) => first![(i % 3) * 2 + (i < 3 ? 0 : 1)] ?? 0)
          : first!
        const gradients: (ArrayLike<number> | null)[] = [
          shown,
          is('a gradient too short') ? second!.slice(1) : second!,
          third!,
          is('zeros for a frozen weight') ? [0] : null,
        ].filter((_, i) => !(is('biases left out') && i === 1))
        const reported = is('another loss')
          ? loss + Math.abs(hidden[0]!)
          : is('a loss without its half')
            ? 2 * loss
            : loss
        updates.push({ loss: is('no loss') ? undefined : reported, gradients })
        if (is('weights that nothing depends on'))
          for (const g of gradients) if (g !== null) (g as Float64Array).fill(0)
        if (!is('gradients not cleared')) for (const sum of sums) sum.fill(0)
      }
      let loss = 0
      for (let i = 0; i < examples; i++) {
        const one = add(i, is('batch not divided') ? 1 : examples)
        if (is('an update per example')) finish(one)
        loss += one / examples
      }
      if (!is('an update per example')) finish(loss)
      return updates
    },
  }
}

const options = { shapes: { hidden: [2, 3], bias: [3], output: [3, 1], scale: [] }, frozen: ['scale'] }

describe('the gradients of an adapter', () => {
  it.each([Float32Array, Float64Array])('are right, to the rounding of %o', async (type) => {
    const model = net(undefined, type)
    const before = (await model.parameters()).map(({ data }) => [...data])
    await checkGradients(model, options)
    expect((await model.parameters()).map(({ data }) => [...data])).toEqual(before)
  })

  it('are right where weights are copies', async () => {
    const inner = net()
    const write = async (index: number, values: ArrayLike<number>): Promise<void> => {
      const all = await inner.parameters()
      all[index]!.data.set(values)
    }
    const parameters = async () => (await inner.parameters()).map((p) => ({ ...p, data: p.data.slice() }))
    await checkGradients({ ...inner, parameters, write }, options)
    const frozen = { ...inner, parameters, write: () => undefined }
    await expect(checkGradients(frozen, options)).rejects.toThrow(/the loss changes by 0/)
  })

  const defects: Readonly<Record<Defect, RegExp>> = {
    'biases left out': /the adapter leaves out bias; it has hidden, output, scale/,
    'batch not divided':
      /a batch of 3, parameter hidden.*: the gradient is a sum over the batch, and the loss a mean/,
    'another loss': /a batch of 1, parameter hidden, element 0: the gradient is .*, and the loss changes by/,
    'gradients not cleared': /the same batch gives .* the second time.*are gradients cleared after a step\?/,
    'an update per example': /a batch of 3: the framework asked for 3 updates, expected one/,
    'a transposed shape': /parameter hidden has the shape \[3, 2\], expected \[2, 3\]/,
    'a transposed gradient': /parameter hidden, element \d: the gradient is/,
    'zeros for a frozen weight': /parameter scale is frozen, and must have null for a gradient/,
    'a loss without its half': /a factor of 2, as of squares without their ½/,
    'no loss': /a batch of 1: the loss is undefined; without it, gradients cannot be checked/,
    'a gradient too short': /parameter bias has 3 elements, and its gradient 2/,
    'weights that nothing depends on': /all gradients are 0 or NaN/,
  }
  it.each(Object.entries(defects) as [Defect, RegExp][])(
    'are told from wrong ones: %s',
    async (defect, says) => {
      await expect(checkGradients(net(defect), options)).rejects.toThrow(says)
      await expect(checkGradients(net(defect), options)).rejects.toMatchObject({ name: 'ConformanceFailure' })
    },
  )

  it('are those of known parameters, of which none is frozen without being named', async () => {
    await expect(checkGradients(net(), { ...options, frozen: [] })).rejects.toThrow(
      /parameter scale has no gradient, and is not in `frozen`/,
    )
    const { scale: _, ...shapes } = options.shapes
    await expect(checkGradients(net(), { ...options, shapes })).rejects.toThrow(/has no parameter scale/)
  })
})
