import * as core from '@induced-metric/core'
import {
  type TensorResult,
  type TensorState,
  createTensorOptimizer,
  createTensorStep,
} from '@induced-metric/core/adapter'
import { afterAll, describe, expect, it } from 'vitest'
import { mountConformance } from '../src/index.js'
import { living, tensors, type Tensor } from './targets/arrays.js'
import { tensorTarget } from './targets/tensors.js'

// The core's optimiser over tensors of a framework, on a minimal framework.

const target = tensorTarget

it('createTensorOptimizer goes back to the learning rate of the transformation in a reset', () => {
  let tensor = tensors.from(Float64Array.of(1), [1])
  const transformation = core.inducedMetric(core.adam(), { learningRate: 0.25 })
  const parameter = {
    name: 'w',
    shape: [1],
    get: () => tensor,
    set: (value: typeof tensor) => void (tensor = value),
  }
  const optimizer = createTensorOptimizer(transformation, [parameter], tensors)
  optimizer.learningRate = 1
  optimizer.reset()
  expect(optimizer.learningRate).toBe(0.25)
  optimizer.dispose()
  expect(() => optimizer.reset()).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }))
  tensors.dispose!(tensor)
})

describe('createTensorOptimizer', () => {
  // After all cases, whose steps were skipped or failed in every possible way.
  afterAll(() => expect(living.size).toBe(0))
  mountConformance(target, { describe, it }, { shard: '1/2' })
})

describe('createTensorStep', () => {
  const weights = () => tensors.from(new Float32Array([1, 2, -3]), [3])
  const gradient = () => tensors.from(new Float32Array([1, -1, 2]), [3])
  const infos = [{ name: 'w', shape: [3], dtype: 'float32' }] as const
  const transformation = core.inducedMetric(core.adam(), { learningRate: 0.1, weightDecay: 0.01 })
  const create = (output: 'parameter' | 'update', backend = tensors) =>
    createTensorStep(transformation, infos, backend, output)
  const free = (given: Iterable<Tensor | null>): void => {
    for (const tensor of given) if (tensor) tensors.dispose!(tensor)
  }
  const slotsOf = ({ slots }: TensorState<Tensor>): Tensor[] => slots.flatMap((own) => Object.values(own))

  it('leaves all it is given alone, so that a step can be taken again', () => {
    const [w, g, step] = [weights(), gradient(), create('parameter')]
    const before = step.init()
    const saved = step.save(before)
    const results = [step.take([w], [g], before), step.take([w], [g], before)] as const
    expect(step.save(before)).toEqual(saved)
    expect(step.save(results[1].state)).toEqual(step.save(results[0].state))
    expect(results[1].values[0]!.values).toEqual(results[0].values[0]!.values)
    expect([...w.values]).toEqual([1, 2, -3])
    for (const { values, replaced, state } of results) {
      expect(replaced).toEqual(slotsOf(before))
      free([...values, ...slotsOf(state)])
    }
    free([w, g, ...slotsOf(before)])
    expect(living.size).toBe(0)
  })

  it('gives Δθ as well as new values', () => {
    const [w, g] = [weights(), gradient()]
    const [parameter, update] = (['parameter', 'update'] as const).map((output) => {
      const step = create(output)
      return step.take([w], [g], step.init()).values[0]!.values
    })
    update!.forEach((change, i) => expect(w.values[i]! + change).toBeCloseTo(parameter![i]!, 6))
    living.clear()
  })

  it('keeps the slots of a parameter without a gradient, and replaces none when it skips', () => {
    const step = create('update')
    const before = step.init()
    for (const given of [null, tensors.from(new Float32Array([NaN, 0, 0]), [3])]) {
      const { values, state, replaced, report } = step.take([weights()], [given], before)
      expect(values).toEqual([null])
      expect(slotsOf(state)).toEqual(slotsOf(before))
      expect(replaced).toEqual([])
      expect(report).toMatchObject({ step: 0, skipped: true, skippedSteps: 1 })
    }
    living.clear()
  })

  it('goes at a learning rate that was set, in the state and in the optimiser', () => {
    const [w, g, step] = [weights(), gradient(), create('parameter')]
    const faster = createTensorStep(
      core.inducedMetric(core.adam(), { learningRate: 0.3, weightDecay: 0.01 }),
      infos,
      tensors,
      'parameter',
    )
    const first = step.init()
    const set = step.withLearningRate(first, 0.3)
    expect([step.learningRate(first), step.learningRate(set)]).toEqual([0.1, 0.3])
    const values = (result: TensorResult<Tensor>) => [...result.values[0]!.values]
    const expected = values(faster.take([w], [g], faster.init()))
    expect(values(step.take([w], [g], set))).toEqual(expected)
    expect(values(step.take([w], [g], first))).not.toEqual(expected)
    expect(step.save(set).learningRate).toBe(0.3)
    expect(step.learningRate(step.load(step.save(set)))).toBe(0.3)
    expect(() => step.withLearningRate(first, -1)).toThrow(/ERR_OPTION/)

    let current = weights()
    const parameter = {
      name: 'w',
      shape: [3],
      get: () => current,
      set: (value: Tensor) => void (current = value),
    }
    const optimizer = createTensorOptimizer(transformation, [parameter], tensors)
    expect(optimizer.learningRate).toBe(0.1)
    optimizer.learningRate = 0.3
    expect(() => (optimizer.learningRate = NaN)).toThrow(/ERR_OPTION/)
    expect(optimizer.step([g]).learningRate).toBe(0.3)
    expect([...current.values]).toEqual(expected)
    expect(optimizer.save().learningRate).toBe(0.3)
    living.clear()
  })

  it('refuses states that were made for others, and gradients of another type', () => {
    const [w, g, step] = [weights(), gradient(), create('update')]
    const bare = createTensorStep(
      core.inducedMetric(core.sgd(), { learningRate: 1 }),
      infos,
      tensors,
      'update',
    )
    const shape = [{ name: 'w', shape: [1], dtype: 'float32' }] as const
    const longer = createTensorStep(transformation, shape, tensors, 'update')
    for (const other of [bare, longer]) {
      const state = other.init()
      expect(() => step.take([w], [g], state)).toThrow(/the state is of other parameters/)
      expect(() => step.save(state)).toThrow(/the state is of other parameters/)
    }
    const wide = tensors.from(new Float64Array(3), [3])
    expect(() => step.take([w], [wide], step.init())).toThrow(/must be of float32, given "float64"/)
    living.clear()
  })

  it('says when it needs the parameters', () => {
    const step = create('update')
    expect(() => step.take([], [gradient()], step.init())).toThrow(/reads the parameters/)
    living.clear()
  })

  it('has each function compiled once, for all its steps, with numbers that change as arguments', () => {
    const calls: number[] = []
    const compiling: typeof tensors = {
      ...tensors,
      compile(compute) {
        const place = calls.push(0) - 1
        return (operands) => {
          calls[place]!++
          return compute(operands)
        }
      },
    }
    const [step, plain] = [create('parameter', compiling), create('parameter')]
    let [state, other] = [step.init(), plain.init()]
    for (let i = 0; i < 4; i++) {
      const [result, expected] = [
        step.take([weights()], [gradient()], state),
        plain.take([weights()], [gradient()], other),
      ]
      expect(result.values[0]!.values).toEqual(expected.values[0]!.values)
      ;[state, other] = [result.state, expected.state]
    }
    expect(calls).toEqual([4, 4])
    living.clear()
  })
})

describe('a framework that fails', () => {
  it.each(['add', 'sqrt', 'sum', 'mul'] as const)('in %s leaves everything as it was', (op) => {
    let value = tensors.from(new Float32Array([1, 2, 3]), [3])
    let failing = false
    const fails: typeof tensors = {
      ...tensors,
      lowering: {
        ...tensors.lowering,
        [op]: (...operands: Tensor[]) => {
          if (failing) throw new Error('out of memory')
          return tensors.lowering[op](...operands)
        },
      },
    }
    const optimizer = createTensorOptimizer(
      core.inducedMetric(core.adam(), { learningRate: 0.1 }),
      [
        {
          name: 'w',
          shape: [3],
          get: () => value,
          set(next: Tensor) {
            tensors.dispose!(value)
            value = next
          },
        },
      ],
      fails,
    )
    const gradient = tensors.from(new Float32Array([1, -1, 2]), [3])
    optimizer.step([gradient])
    const [before, saved, count] = [[...value.values], optimizer.save(), living.size]
    failing = true
    expect(() => optimizer.step([gradient])).toThrow('out of memory')
    expect(optimizer.save()).toEqual(saved)
    expect([...value.values]).toEqual(before)
    expect(living.size).toBe(count)
    failing = false
    expect(optimizer.step([gradient]).step).toBe(2)
    for (const tensor of [value, gradient]) tensors.dispose!(tensor)
    optimizer.dispose()
    expect(living.size).toBe(0)
  })
})
