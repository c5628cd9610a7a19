import { describe, expect, it, vi } from 'vitest'
import {
  adam,
  createOptimizer,
  decodeCheckpoint,
  encodeCheckpoint,
  inducedMetric,
  log,
  logDamped,
  type Transformation,
} from '@induced-metric/core'
import { planStep, VariableOptimizer, type VariableGradient } from '@induced-metric/core/adapter'
import { stepStatus } from '../src/step/metricGraph.js'
import { createRefusals } from '../src/variables/refusals.js'
import { State } from '../src/variables/state.js'
import { createFramework, type Framework, type Tensor } from './framework.js'
import { bits, expectError, randomArray } from './support.js'

const infos = [
  { name: 'kernel', shape: [3, 2] },
  { name: 'bias', shape: [2] },
] as const
const sizes = [6, 2]
const initial = sizes.map((size, i) => [...randomArray('float32', size, i + 1)])
const gradientsAt = (step: number): Float32Array[] =>
  sizes.map((size, i) => randomArray('float32', size, 10 * step + i) as Float32Array)

function createVariables(framework: Framework, names: readonly string[] = ['kernel', 'bias']) {
  return names.map((name, i) => framework.create(name, initial[i]!, infos[i]!.shape))
}

function pair(
  framework: Framework,
  variables: readonly Tensor[],
  gradients: readonly (ArrayLike<number> | null)[],
  names: readonly string[] = ['kernel', 'bias'],
): VariableGradient<Tensor>[] {
  return variables.map((variable, i) => {
    const given = gradients[i] ?? null
    const gradient = given && framework.tensor(Array.from(given), variable.shape)
    return { name: names[i]!, shape: variable.shape, variable, gradient }
  })
}

/** Takes steps, and disposes of their gradients. */
function train(
  framework: Framework,
  optimizer: VariableOptimizer<Tensor>,
  variables: readonly Tensor[],
  steps: readonly number[],
): void {
  for (const step of steps) {
    const pairs = pair(framework, variables, gradientsAt(step))
    optimizer.step(pairs, 2 + 1 / step)
    pairs.forEach(({ gradient }) => framework.dispose(gradient!))
  }
}

/** The same steps by the core's own arrays. */
function expected(transformation: Transformation, engine: 'reference' | 'wasm', steps: readonly number[]) {
  const parameters = infos.map((info, i) => ({
    ...info,
    rowsAre: 'inputs' as const,
    data: Float32Array.from(initial[i]!),
  }))
  const optimizer = createOptimizer(transformation, parameters, { engine })
  for (const step of steps) optimizer.step(gradientsAt(step), { loss: 2 + 1 / step })
  return optimizer
}

const transformation = inducedMetric(adam(), {
  learningRate: 0.1,
  weightDecay: 0.1,
  clipNorm: 1,
  embedding: logDamped(),
})
const bitsOf = (tensors: readonly Tensor[]): string[] => tensors.map(({ values }) => bits(values))

describe('a step', () => {
  it.each(['host', 'device'] as const)(
    'by operations is the one of the reference, and leaves no tensor behind (the %s decides)',
    async (stepGuard) => {
      const framework = createFramework()
      const variables = createVariables(framework)
      const optimizer = new VariableOptimizer(transformation, framework, { stepGuard })
      train(framework, optimizer, variables, [1])
      const living = framework.living()
      train(framework, optimizer, variables, [2, 3, 4])
      expect(framework.living()).toBe(living)
      const { parameters, report } = expected(transformation, 'reference', [1, 2, 3, 4])
      variables.forEach(({ values }, i) =>
        values.forEach((value, k) => expect(value).toBeCloseTo(parameters[i]!.data[k]!, 5)),
      )
      const own = await optimizer.report()
      expect(own.step).toBe(4)
      expect(own.scale).toBeCloseTo(report.scale, 5)
      optimizer.dispose()
      expect(framework.living()).toBe(variables.length)
    },
  )

  it('by compiled loops is the one of the wasm engine, bit for bit', () => {
    const framework = createFramework()
    framework.settings.loops = true
    const variables = createVariables(framework)
    const optimizer = new VariableOptimizer(transformation, framework)
    train(framework, optimizer, variables, [1, 2, 3])
    const { parameters } = expected(transformation, 'wasm', [1, 2, 3])
    expect(bitsOf(variables)).toEqual(parameters.map(({ data }) => bits(data)))
  })

  it('goes on where the framework turns from operations to loops', async () => {
    const framework = createFramework()
    const variables = createVariables(framework)
    const optimizer = new VariableOptimizer(transformation, framework)
    train(framework, optimizer, variables, [1, 2])
    framework.settings.loops = true
    train(framework, optimizer, variables, [3, 4])
    const { parameters } = expected(transformation, 'reference', [1, 2, 3, 4])
    variables.forEach(({ values }, i) =>
      values.forEach((value, k) => expect(value).toBeCloseTo(parameters[i]!.data[k]!, 5)),
    )
    expect((await optimizer.save()).parameters.map(({ steps }) => steps)).toEqual([4, 4])
  })

  it('raises ε in half precision, and says so once', () => {
    const framework = createFramework()
    framework.settings.half = true
    const variables = createVariables(framework)
    const optimizer = new VariableOptimizer(inducedMetric(adam(), { learningRate: 0.1 }), framework)
    train(framework, optimizer, variables, [1, 2])
    expect(framework.warnings).toEqual([expect.stringContaining('adam.epsilon is 0.0001 instead of less')])
  })
})

describe('an engine that is asked for', () => {
  it.each([
    ['wasm', 'no compiled loops, or no memory for them, on the small backend'],
    ['webgpu', 'no kernels for webgpu on the small backend: set that by small.setBackend'],
    ['webgl', 'no kernels for webgl on the small backend: set that by small.setBackend'],
  ] as const)(
    'is refused where the framework has no place for it, and nothing changes: %s',
    (engine, says) => {
      const framework = createFramework()
      const variables = createVariables(framework)
      const before = bitsOf(variables)
      const optimizer = new VariableOptimizer(transformation, framework, { engine })
      expectError(() => train(framework, optimizer, variables, [1]), 'ERR_NOT_SUPPORTED', says)
      expect(bitsOf(variables)).toEqual(before)
      expect(optimizer.steps).toBe(0)
    },
  )

  it.each([
    [{}, true],
    [{ engine: 'wasm' }, true],
    [{ engine: 'wasm', stepGuard: 'device' }, true],
    [{ engine: 'ops' }, false],
    [{ engine: 'webgl' }, undefined],
    // With loops the host decides.
    [{ stepGuard: 'device' }, false],
    [{ stepGuard: 'host' }, true],
  ] as const)('is what takes the steps: %o', (options, byLoops) => {
    const framework = createFramework()
    framework.settings.loops = true
    const memory = vi.spyOn(framework, 'memory')
    const variables = createVariables(framework)
    const step = () =>
      train(framework, new VariableOptimizer(transformation, framework, options), variables, [1])
    if (byLoops === undefined) expectError(step, 'ERR_NOT_SUPPORTED')
    else step()
    expect(memory.mock.calls.length > 0).toBe(byLoops ?? false)
  })
})

describe('a step that is not finite', () => {
  const throwing = { ...transformation, onNonFinite: 'throw' as const }
  const infinite = [[Infinity, 0, 0, 0, 0, 0], null]

  it('throws at once where the host decides, and changes nothing', () => {
    const framework = createFramework()
    const variables = createVariables(framework)
    const optimizer = new VariableOptimizer(throwing, framework)
    train(framework, optimizer, variables, [1])
    const before = bitsOf(variables)
    expectError(() => optimizer.step(pair(framework, variables, infinite), 1), 'ERR_NON_FINITE')
    expect(bitsOf(variables)).toEqual(before)
    expect(optimizer.steps).toBe(1)
  })

  it('is refused by the device, and taken off the counts when a report is read', async () => {
    const framework = createFramework()
    framework.settings.host = false
    const variables = createVariables(framework)
    const optimizer = new VariableOptimizer(transformation, framework)
    train(framework, optimizer, variables, [1])
    const before = bitsOf(variables)
    optimizer.step(pair(framework, variables, infinite), 1)
    optimizer.step(pair(framework, variables, infinite), 1)
    expect(bitsOf(variables)).toEqual(before)
    expect(optimizer.steps).toBe(3)
    expect(await optimizer.report()).toMatchObject({ step: 1, skipped: true, skippedSteps: 2 })
    const { parameters, units } = await optimizer.save()
    expect([parameters.map(({ steps }) => steps), units[0]!.steps]).toEqual([[1, 1], 1])
  })

  it('is in no checkpoint and in every report, whenever it is taken', async () => {
    for (let turns = 0; turns < 20; turns++) {
      const framework = createFramework()
      framework.settings.host = false
      const variables = createVariables(framework)
      const optimizer = new VariableOptimizer(transformation, framework)
      train(framework, optimizer, variables, [1])
      const saving = optimizer.save()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      optimizer.step(pair(framework, variables, infinite), 1)
      const { step, parameters, units } = await saving
      expect([step, ...parameters.map(({ steps }) => steps), units[0]!.steps]).toEqual([1, 1, 1, 1])
      const reports = await Promise.all([optimizer.report(), optimizer.report()])
      for (const report of reports) expect(report).toMatchObject({ step: 1, skippedSteps: 1 })
    }
  })

  it('is counted while it is read which steps were refused', async () => {
    const framework = createFramework()
    const state = new State(framework, transformation)
    state.step = 1
    const refusals = createRefusals(framework, transformation, state)
    const { units } = planStep(transformation, infos)
    const report = { skipped: false, learningRate: 1, loss: undefined }
    const numbers = { unit: units[0]!, xi: 1, dualNorm: 1, metric: 1, scale: 1, status: stepStatus.nonFinite }
    const changed = [{ steps: 1, shape: [2], slots: {}, slotShapes: undefined }]
    const tensor = (x: Tensor | number): Tensor => (typeof x === 'number' ? framework.scalar(x) : x)
    refusals.guard([numbers], tensor, [], changed)
    const settling = refusals.settle({ ...report, units: [numbers] })
    await Promise.resolve()
    expect([...refusals.counts()(changed[0])!.values, changed[0]!.steps]).toEqual([1, 1])
    await settling
    expect([refusals.counts()(changed[0]), changed[0]!.steps, state.step]).toEqual([undefined, 0, 0])
    expect(refusals.isSettled).toBe(true)
  })

  it('is an error of the report where the device decides and the transformation says to throw', async () => {
    const framework = createFramework()
    framework.settings.host = false
    const optimizer = new VariableOptimizer(throwing, framework)
    optimizer.step(pair(framework, createVariables(framework), infinite), 1)
    await expect(optimizer.report()).rejects.toMatchObject({ code: 'ERR_NON_FINITE' })
  })
})

describe('losses', () => {
  const reading = inducedMetric(adam(), { learningRate: 0.1, embedding: log() })

  it('are those remembered with the gradients of the step', async () => {
    const framework = createFramework()
    const variables = createVariables(framework)
    const optimizer = new VariableOptimizer(reading, framework)
    const pairs = pair(framework, variables, gradientsAt(1))
    optimizer.rememberLoss(
      framework.tensor([0.5], []),
      pairs.map(({ gradient }) => gradient),
    )
    optimizer.step(pairs)
    expect((await optimizer.report()).loss).toBe(0.5)
  })

  it('are required, in the words of the framework', () => {
    const framework = createFramework()
    const pairs = pair(framework, createVariables(framework), gradientsAt(1))
    expectError(
      () => new VariableOptimizer(reading, framework).step(pairs),
      'ERR_LOSS_REQUIRED',
      'the embedding log reads the loss, so pass it to train(gradients, loss)',
    )
  })
})

describe('a saved state', () => {
  async function saved(): Promise<Uint8Array> {
    const framework = createFramework()
    const optimizer = new VariableOptimizer(transformation, framework)
    train(framework, optimizer, createVariables(framework), [1, 2])
    return encodeCheckpoint(await optimizer.save())
  }

  it.each([
    ['of the same names', ['kernel', 'bias']],
    ['with numbers behind their names', ['kernel_1', 'bias_1']],
    ['of other names, in the same order', ['weights', 'offsets']],
  ])('is that of variables %s', async (_, names) => {
    const bytes = await saved()
    const framework = createFramework()
    const variables = createVariables(framework, names)
    const optimizer = new VariableOptimizer(transformation, framework)
    optimizer.load(bytes)
    optimizer.step(pair(framework, variables, gradientsAt(3), names), 2)
    const { step, parameters } = await optimizer.save()
    expect(step).toBe(3)
    expect(parameters.map(({ name, steps }) => [name, steps])).toEqual(names.map((name) => [name, 3]))
  })

  it('is saved again unchanged as long as no variable has claimed it', async () => {
    const bytes = await saved()
    const optimizer = new VariableOptimizer(transformation, createFramework())
    optimizer.load(bytes)
    expect(await optimizer.save()).toEqual(decodeCheckpoint(bytes))
  })

  it.each([
    ['operations', false],
    ['loops', true],
  ])('by %s is that of one step, whatever steps are taken while it is read', async (_, loops) => {
    for (let turns = 0; turns < 20; turns++) {
      const framework = createFramework()
      framework.settings.loops = loops
      const variables = createVariables(framework)
      const optimizer = new VariableOptimizer(transformation, framework)
      train(framework, optimizer, variables, [1, 2])
      const states = [await optimizer.save()]
      const saving = optimizer.save()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      train(framework, optimizer, variables, [3])
      states.push(await optimizer.save())
      expect(states, `after ${turns} turns`).toContainEqual(await saving)
    }
  })

  it('is loaded where variables of the latest step are no more', async () => {
    const bytes = await saved()
    const framework = createFramework()
    const optimizer = new VariableOptimizer(transformation, framework)
    train(framework, optimizer, createVariables(framework), [1])
    framework.remove('kernel')
    framework.remove('bias')
    optimizer.load(bytes)
    train(framework, optimizer, createVariables(framework), [3])
    expect((await optimizer.save()).parameters.map(({ steps }) => steps)).toEqual([3, 3])
  })

  it('must fit the variables that are given', async () => {
    const bytes = await saved()
    const optimizer = new VariableOptimizer(transformation, createFramework())
    const others = [{ name: 'other', shape: [7] }]
    expectError(() => optimizer.load(bytes, others), 'ERR_CHECKPOINT', 'no state that fits variable other')
    expectError(() => optimizer.load(bytes, 'kernel' as never), 'ERR_OPTION', 'load takes an array')
  })
})

describe('averaged weights', () => {
  it('are in the variables while a function runs, in which no step is taken', () => {
    const framework = createFramework()
    const variables = createVariables(framework)
    const averaging = inducedMetric(adam(), { learningRate: 0.1, averageWeights: 0.9 })
    const optimizer = new VariableOptimizer(averaging, framework)
    train(framework, optimizer, variables, [1, 2, 3])
    const [own, living] = [bitsOf(variables), framework.living()]
    optimizer.withEvaluationWeights(() => {
      expect(bitsOf(variables)).not.toEqual(own)
      expectError(() => optimizer.step([]), 'ERR_OPTION', 'step was called within withEvaluationWeights')
    })
    expect([bitsOf(variables), framework.living()]).toEqual([own, living])
  })

  it('are in those variables that the framework still has', () => {
    const framework = createFramework()
    const [kernel, bias] = createVariables(framework)
    const averaging = inducedMetric(adam(), { learningRate: 0.1, averageWeights: 0.9 })
    const optimizer = new VariableOptimizer(averaging, framework)
    train(framework, optimizer, [kernel!, bias!], [1, 2])
    framework.remove('bias')
    const own = bitsOf([kernel!])
    const averaged = optimizer.withEvaluationWeights(() => bitsOf([kernel!]))
    expect(averaged).not.toEqual(own)
    expect(bitsOf([kernel!])).toEqual(own)
  })
})

it('is of no use once it is disposed of', async () => {
  const optimizer = new VariableOptimizer(transformation, createFramework())
  optimizer.dispose()
  optimizer.dispose()
  expectError(() => optimizer.step([]), 'ERR_DISPOSED')
  expectError(() => (optimizer.learningRate = 1), 'ERR_DISPOSED')
  await expect(optimizer.report()).rejects.toMatchObject({ code: 'ERR_DISPOSED' })
})
