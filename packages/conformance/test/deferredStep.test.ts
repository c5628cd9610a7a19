import {
  adam,
  createOptimizer,
  heavyBall,
  identity,
  inducedMetric,
  log,
  muon,
  rateFree,
  root,
  sgd,
  type Transformation,
} from '@induced-metric/core'
import {
  createDeferredStep,
  planStep,
  profileScalars,
  unitScalars,
  withHostNumbers,
  type DeferredBackend,
} from '@induced-metric/core/adapter'
import { afterEach, describe, expect, it } from 'vitest'
import { living, tensors, type Tensor } from './targets/arrays.js'

// The deferred step on the smallest framework there can be, beside the step whose scalars are on the host.

type Value = Tensor | number

const scalar = (value: number): Tensor => tensors.from(Float64Array.of(value), [])
const lowering = withHostNumbers(tensors.lowering, scalar)
const backend: DeferredBackend<Value> = {
  lowering,
  constant: (value) => value,
  free: (value) => typeof value !== 'number' && tensors.dispose!(value),
  copy: (value) => (typeof value === 'number' ? value : tensors.from(tensors.read(value), value.shape)),
  sum: (values) => values.reduce((a, b) => lowering.add(a, b)),
  reshape: (value, shape) => tensors.reshape(value as Tensor, shape),
  identity: (n) =>
    tensors.from(
      Float64Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)),
      [n, n],
    ),
  sharesScalars: true,
}

const parameters = [
  { name: 'matrix', shape: [3, 2] },
  { name: 'other', shape: [2, 2], group: 'second' },
  { name: 'vector', shape: [4] },
  { name: 'scalar', shape: [] },
]
const wave = (size: number, phase: number): Float64Array =>
  Float64Array.from({ length: size }, (_, i) => Math.sin(3 * i + phase) / 2)
const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Steps by the deferred step, every scalar of the metric a tensor. */
function createDeferred(transformation: Transformation, initial: readonly Float64Array[]) {
  const plan = planStep(transformation, parameters)
  const values = initial.map((data, i) => tensors.from(data, plan.parameters[i]!.shape))
  const slots = plan.parameters.map(({ graph, shape, size }) =>
    Object.fromEntries(graph.slots.map((name) => [name, tensors.from(new Float64Array(size), shape)])),
  )
  const steps = plan.parameters.map(() => 0)
  const units = plan.units.map(({ graph }) => ({
    average: scalar(0),
    steps: 0,
    state: new Map<string, Tensor>(graph.state.map((name) => [name, scalar(0)])),
  }))
  return {
    values,
    slots,
    units,
    plan,
    step(count: number, gradients: readonly (Tensor | null)[], loss: number) {
      const step = createDeferredStep<Value>(plan, backend, {
        active: gradients.flatMap((gradient, i) => (gradient ? [i] : [])),
        gradient: (i) => gradients[i]!,
        parameter: (i) => values[i]!,
        slot: (i, name) => slots[i]![name]!,
        step: (i) => steps[i]! + 1,
        profile: (i, name) => profileScalars({}, plan.profiles[i]!, count)[name],
        unit: (i, name) => unitScalars({}, plan.units[i]!, count)[name],
        metricStep: (i) => units[i]!.steps + 1,
        average: (i) => units[i]!.average,
        state: (i, name) => units[i]!.state.get(name)!,
        loss: () => loss,
        profileStep: () => count,
        shared: () => 0,
      })
      const read = (value: Value): number => (typeof value === 'number' ? value : tensors.read(value)[0]!)
      const status = step.units.map((unit) => unit && read(unit.status))
      const scale = step.units.map((unit) => unit && read(unit.scale))
      gradients.forEach((gradient, i) => {
        if (gradient === null) return
        const updated = step.update(i)
        values[i] = updated.value as Tensor
        for (const [name, slot] of Object.entries(updated.slots)) slots[i]![name] = slot as Tensor
        steps[i]!++
      })
      step.units.forEach((unit, i) => {
        if (unit === undefined) return
        const own = units[i]!
        const next = unit.nextState()
        own.average = scalar(read(unit.average))
        plan.units[i]!.graph.state.forEach((name, k) => own.state.set(name, scalar(read(next[k]!))))
        own.steps++
      })
      return { status, scale }
    },
  }
}

afterEach(() => living.clear())

const learningRate = 0.05
const transformations: Record<string, Transformation> = {
  'adam and log, decayed': inducedMetric(adam(), { learningRate, embedding: log(), weightDecay: 0.1 }),
  'adam itself': inducedMetric(adam(), { learningRate, xi: 0, embedding: identity() }),
  'heavyBall, its first slot the gradient': inducedMetric(heavyBall(), { learningRate, clipNorm: 0.4 }),
  'muon, a metric for each parameter': inducedMetric(muon(), { learningRate, metricScope: 'parameter' }),
  'a floor that follows, averaged weights': inducedMetric(adam(), {
    learningRate,
    embedding: root({ floor: 'follow' }),
    averageWeights: 4,
  }),
  'without a rate': rateFree(sgd({ momentum: 0.5 }), { learningRate: 0.5, steps: 20 }),
  'averaged models of groups': inducedMetric(adam(), {
    learningRate,
    xi: 'rate',
    embedding: log(),
    averagedModel: true,
    clipNorm: 1,
    groups: { second: { base: sgd({ momentum: 0.3 }), learningRate: 0.1, clipNorm: 0.2 } },
  }),
  'a global metric': inducedMetric(adam(), {
    learningRate: (step) => 0.1 / step,
    metricScope: 'global',
    groups: { second: { base: sgd(), xi: 0.5 } },
  }),
}

describe('the deferred step is the step', () => {
  it.each(Object.entries(transformations))('%s', (_, transformation) => {
    const initial = parameters.map(({ shape }, i) => wave(sizeOf(shape), i))
    const deferred = createDeferred(transformation, initial)
    const reference = createOptimizer(
      transformation,
      parameters.map((parameter, i) => ({ ...parameter, data: initial[i]!.slice() })),
      { engine: 'reference' },
    )
    for (let count = 1; count <= 5; count++) {
      const data = parameters.map(({ shape }, i) =>
        // Now and then there is none, for one parameter or for all of a group.
        (count === 2 && i === 2) || (count === 3 && i === 1) ? null : wave(sizeOf(shape), 10 * count + i),
      )
      const gradients = data.map((values, i) => values && tensors.from(values, parameters[i]!.shape))
      const report = reference.step(data, { loss: 2 / count })
      const { status, scale } = deferred.step(count, gradients, 2 / count)
      expect(status.filter((value) => value !== undefined).every((value) => value === 0)).toBe(true)
      expect(scale.find((value) => value !== undefined)).toBeCloseTo(report.scale, 10)
    }
    reference.parameters.forEach(({ data }, i) => {
      tensors.read(deferred.values[i]!).forEach((value, k) => expect(value).toBeCloseTo(data[k]!, 10))
      for (const [name, values] of Object.entries(reference.slots[i]!)) {
        tensors
          .read(deferred.slots[i]![name]!)
          .forEach((value, k) => expect(value).toBeCloseTo(values[k]!, 10))
      }
    })
    const { units } = reference.save()
    units.forEach(({ average, values = {} }, i) => {
      expect(tensors.read(deferred.units[i]!.average)[0]).toBeCloseTo(average, 10)
      for (const [name, value] of Object.entries(values))
        expect(tensors.read(deferred.units[i]!.state.get(name)!)[0]).toBeCloseTo(value, 10)
    })
  })
})

it('frees what it makes on the way, and returns tensors of their own', () => {
  const transformation = inducedMetric(heavyBall({ dampening: 0 }), { learningRate, weightDecay: 0.1 })
  const deferred = createDeferred(
    transformation,
    parameters.map(({ shape }, i) => wave(sizeOf(shape), i)),
  )
  const gradients = parameters.map(({ shape }, i) => tensors.from(wave(sizeOf(shape), 5 + i), shape))
  const before = new Set(living)
  deferred.step(1, gradients, 1)
  const large = [...living].filter((tensor) => !before.has(tensor) && tensor.shape.length > 0)
  const kept = [...deferred.values, ...deferred.slots.flatMap((slots) => Object.values(slots))]
  expect(new Set(large)).toEqual(new Set(kept.filter(({ shape }) => shape.length > 0)))
  expect(new Set(kept).size).toBe(kept.length)
  expect(gradients.every((gradient) => living.has(gradient) && !kept.includes(gradient))).toBe(true)
})

it('names an input that it is not given', () => {
  const plan = planStep(inducedMetric(adam(), { learningRate }), [{ name: 'w', shape: [2] }])
  const nothing = () => undefined as never
  const inputs = { gradient: nothing, parameter: nothing, slot: nothing, step: nothing, loss: nothing }
  const units = { unit: nothing, metricStep: () => 1, average: () => 0, state: nothing }
  const profiles = { profile: () => 0.5, profileStep: nothing, shared: nothing }
  expect(() => createDeferredStep(plan, backend, { ...inputs, ...units, ...profiles, active: [0] })).toThrow(
    /ERR_NOT_SUPPORTED.*which it is not given/,
  )
})
