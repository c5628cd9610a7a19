import { mkdirSync, writeFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as core from '@induced-metric/core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { bases, embeddings } from '../docs/playground/bases.js'
import { targets, writeCode, type TargetId } from '../docs/playground/code.js'
import { factories } from '../docs/playground/factories.js'
import { compile, derivative, type Formula } from '../docs/playground/formula.js'
import { runPair } from '../docs/playground/pair.js'
import { FormulaError, parseFormula } from '../docs/playground/parse.js'
import { loadParser } from '../docs/playground/parser.js'
import { loadParts } from '../docs/playground/parts.js'
import { computePhase } from '../docs/playground/phase.js'
import { axisPlace, axisValue, cellSettings, phaseSize } from '../docs/playground/phaseAxes.js'
import { printJs } from '../docs/playground/print.js'
import { record } from '../docs/playground/run.js'
import { defaults, readSettings, writeSettings, type Settings } from '../docs/playground/settings.js'
import { createSurface } from '../docs/playground/surface.js'
import { formulaOf, surfaces, type SurfaceChoice, type SurfaceId } from '../docs/playground/surfaces.js'
import { createTransformation } from '../docs/playground/transformation.js'
import { testFunctions } from '../examples/functions/src/index.js'
import { root } from '../scripts/workspace.js'

// The playground's numbers. tests/playground.browser.test.ts looks at the page.

const variables = ['x', 'y'] as const
const valley = surfaces.valley.formula

beforeAll(async () => {
  await Promise.all([loadParser(), loadParts({ base: 'lion', beside: 'same', embedding: 'own' })])
})

describe('a formula', () => {
  it.each([
    ['-x^2', -9],
    ['(-x)^2', 9],
    ['2*-x^2', -18],
    ['2^3^2 + y', 514],
    ['x - 1 - 1', 1],
    ['2**-x', 0.125],
    ['-(x + 1)*2 / y', -4],
    ['exp(log(x)) * pi / pi', 3],
  ])('%s is %d at (3, 2)', (text, expected) => {
    expect(compile(parseFormula(text, variables), variables)(3, 2)).toBeCloseTo(expected, 12)
  })

  it.each([
    ['alert(1)', 'alert is no function here'],
    ['x.constructor', 'no member expression'],
    ['constructor', 'constructor is no variable here'],
    ['toString(x)', 'toString is no function here'],
    ['x = 1', 'Unexpected "="'],
    ['x ? 1 : 2', 'no conditional expression'],
    ['2x', 'write products with *'],
    ['sin(x, y)', 'takes one argument, given 2'],
    ['"x"', 'no value "x"'],
    ['x % 2', 'no operator %'],
    ['', 'type a formula of x and y'],
    ['x +', 'Expected'],
    ['x'.repeat(401), 'at most 400 characters'],
  ])('refuses %j', (text, message) => {
    expect(() => parseFormula(text, variables)).toThrow(FormulaError)
    expect(() => parseFormula(text, variables)).toThrow(message)
  })

  it.each([
    'x * y^2 / (1 + x^2)',
    'exp(-x^2) * sin(3 * y) + cos(x * y)',
    'sqrt(1 + x^2) * log(2 + y^2)',
    'tanh(x - y) + abs(x) * sign(y)',
    '(1 + x^2)^y',
  ])('%s has the slopes that its differences have', (text) => {
    const formula = parseFormula(text, variables)
    const value = compile(formula, variables)
    for (const [x, y] of [
      [0.3, -0.7],
      [-1.25, 0.5],
      [2, 1.5],
    ] as const) {
      const step = 1e-5
      const slope = (name: 'x' | 'y') => compile(derivative(formula, name), variables)(x, y)
      expect(slope('x')).toBeCloseTo((value(x + step, y) - value(x - step, y)) / (2 * step), 7)
      expect(slope('y')).toBeCloseTo((value(x, y + step) - value(x, y - step)) / (2 * step), 7)
    }
  })
})

describe('surfaces', () => {
  it.each(Object.values(testFunctions))("$title is the paper's", ({ id, value, gradient }) => {
    const surface = createSurface(surfaces[id].formula)
    for (const [x, y] of [
      [0.3, -0.7],
      [-1.25, 0.5],
      [2.1, 1.7],
    ] as const) {
      expect(surface.value(x, y)).toBeCloseTo(value(x, y), 11)
      expect(surface.slopeX(x, y)).toBeCloseTo(gradient(x, y)[0], 10)
      expect(surface.slopeY(x, y)).toBeCloseTo(gradient(x, y)[1], 10)
    }
  })

  const ids = Object.keys(surfaces) as Exclude<SurfaceId, 'own'>[]
  it.each(ids)('%s is 0 at its minima, and positive at its start', (id) => {
    const { formula, minima, start }: SurfaceChoice & { formula: Formula } = surfaces[id]
    const { value } = createSurface(formula)
    for (const [x, y] of minima) expect(value(x, y)).toBeLessThan(1e-14)
    expect(value(...start)).toBeGreaterThan(0.1)
  })

  it.each(ids)('%s is the same formula when it is typed', (id) => {
    const { formula } = surfaces[id]
    expect(parseFormula(printJs(formula).replaceAll('Math.', ''), variables)).toEqual(formula)
  })
})

it('offers every base of the core but those for matrices and those over another base', () => {
  const found = Object.entries(core).filter(([, one]) => {
    const { definition } = one as { definition?: { update?: unknown } }
    return typeof definition?.update === 'function'
  })
  const elsewhere = new Set(['muon', 'normuon', 'shampoo', 'soap', 'scheduleFree'])
  const names = found.map(([name]) => name).filter((name) => !elsewhere.has(name))
  expect(Object.keys(bases).sort()).toEqual(names.sort())
  for (const [name, option] of Object.entries(bases)) {
    const { hyperparameters = {} } = factories[name as 'adam'].definition
    expect(
      ['momentum', 'beta1'].find((one) => one in hyperparameters),
      name,
    ).toBe(option === 'beta' ? undefined : option)
  }
})

describe('at ξ = 0', () => {
  const off: Settings = { ...defaults, rate: 0.01, xiMode: 'off' }

  it.each(Object.keys(bases))('%s takes the steps that it takes alone, bit for bit', (base) => {
    const settings: Settings = { ...off, base: base as Settings['base'] }
    const { isSame, difference, induced } = runPair(settings, valley)
    expect(isSame).toBe(true)
    expect(difference).toBe(0)
    expect(induced.path.length).toBeGreaterThan(100)
  })

  it('so do all embeddings but log, which has a factor of its own', () => {
    for (const embedding of embeddings)
      expect(runPair({ ...off, embedding }, formulaOf(off)).isSame, embedding).toBe(embedding !== 'log')
  })
})

it('tells apart paths that are not the same', () => {
  const { isSame, difference } = runPair(defaults, formulaOf(defaults))
  expect(isSame).toBe(false)
  expect(difference).toBeGreaterThan(0.1)
})

it('lifting the loss makes log fail, and a floor mends it', () => {
  const settings: Settings = {
    ...defaults,
    surface: 'valley',
    base: 'sgd',
    momentum: 0,
    embedding: 'log',
    rate: 3,
  }
  const end = (patch: Partial<Settings>) =>
    runPair({ ...settings, startX: -1.6, startY: 2.4, ...patch }, valley).induced.losses.at(-1)!
  const [plain, lifted, mended] = [end({}), end({ lift: 3 }), end({ lift: 3, floor: 3 })]
  expect(plain).toBeLessThan(0.01)
  expect(lifted).toBeGreaterThan(10 * plain)
  expect(Math.abs(mended - plain)).toBeLessThan(0.01)
})

describe('the phase diagram', () => {
  it.each<Partial<Settings>>([
    {},
    { embedding: 'log', base: 'sgd' },
    { embedding: 'identity', axisX: 'momentum', noise: 0.5, steps: 40 },
    { axisX: 'perRate', axisY: 'lift', floor: 0.2, steps: 40 },
    { embedding: 'own', axisY: 'beta', steps: 40 },
  ])('has in its cells what single runs end with: %j', (patch) => {
    const settings = { ...defaults, ...patch }
    const formula = formulaOf(settings)
    const rows = [20, 24] as const
    const { losses } = computePhase(settings, formula, rows)
    for (let cell = 0; cell < losses.length; cell += 13) {
      const own = cellSettings(settings, cell % phaseSize, rows[0] + Math.floor(cell / phaseSize))
      const single = record(createTransformation(own), createSurface(formula), own)
      expect(losses[cell], JSON.stringify(own)).toBe(single.losses.at(-1))
    }
  })

  it('makes 64 × 64 runs of 200 steps of Adam in less than two seconds of two cores', () => {
    const { formula } = surfaces.rosenbrock
    computePhase({ ...defaults, steps: 20 }, formula, [0, 8])
    const before = process.cpuUsage()
    const { losses } = computePhase({ ...defaults, steps: 200 }, formula, [0, phaseSize])
    const { user, system } = process.cpuUsage(before)
    expect(losses).toHaveLength(4096)
    expect((user + system) / 1e6).toBeLessThan(4)
  })

  it('places values where it takes them from', () => {
    for (const axis of ['rate', 'xi', 'momentum', 'lift'] as const)
      for (const cell of [0, 17, 63]) expect(axisPlace(axis, axisValue(axis, cell))).toBeCloseTo(cell, 9)
  })
})

describe('an address', () => {
  it('holds all settings', () => {
    const settings: Settings = {
      ...defaults,
      surface: 'own',
      formula: 'x^2 + 3 * y^2 + sin(x & y)',
      embedding: 'own',
      rate: 0.0123,
      axisX: 'momentum',
      startX: -0.5,
      steps: 77,
    }
    expect(readSettings(`?${writeSettings(settings)}`)).toEqual(settings)
    expect(writeSettings(defaults)).toBe('')
  })

  it('that is wrong has the defaults, within their ranges', () => {
    const read = readSettings('?surface=nowhere&rate=abc&xi=1e99&steps=1.7e9&base=constructor&startX=NaN')
    expect(read).toEqual({ ...defaults, xi: 1000, steps: 1000 })
  })
})

describe('copied code', () => {
  const folder = join(root, 'tests/.snippets/playground')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  /** Runs a program, and returns what it prints. */
  async function run(target: TargetId, settings: Settings, name: string): Promise<number[]> {
    mkdirSync(folder, { recursive: true })
    const file = join(folder, `playground-${target}-${name}.mjs`)
    writeFileSync(file, writeCode(target, settings))
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    try {
      await import(/* @vite-ignore */ file)
      return log.mock.calls.at(-1) as number[]
    } finally {
      log.mockRestore()
    }
  }
  const lifted: Settings = { ...defaults, steps: 60, rate: 0.3, lift: 0.5, floor: 0.25 }
  const cases: Record<string, Settings> = {
    defaults: { ...defaults, steps: 60 },
    lifted,
    noisy: { ...lifted, noise: 0.3, base: 'lion', xiMode: 'number', embedding: 'identity' },
    own: {
      ...lifted,
      surface: 'own',
      formula: '-exp(-x^2) * cos(y)^2 + sqrt(1 + y^2) - -x^3 / 50 + tanh(x)',
      embedding: 'own',
      base: 'sgd',
      beta: 0,
    },
    off: { ...lifted, xiMode: 'off', base: 'adagrad', surface: 'ackley' },
    damped: { ...lifted, embedding: 'logDamped', surface: 'plateau', startX: -1, startY: 0.5 },
  }

  it.each(Object.entries(cases))(
    'ends where the picture ends, to the last bit: %s',
    async (name, settings) => {
      const { induced } = runPair(settings, formulaOf(settings))
      const end = [...induced.path.slice(-2), induced.losses.at(-1)! + settings.lift]
      expect(await run('core', settings, name)).toEqual(end)
      expect(await run('convnetjs', settings, name)).toEqual(end)
    },
  )

  it.each(['tfjs', 'onnxruntime', 'jax'] as const)(
    'ends near there in single precision: %s',
    async (target) => {
      for (const name of ['defaults', 'lifted', 'own'] as const) {
        const settings = { ...cases[name]!, steps: 40 }
        const { induced } = runPair(settings, formulaOf(settings))
        const end = [...induced.path.slice(-2), induced.losses.at(-1)! + settings.lift]
        const printed = await run(target, settings, name)
        printed.forEach((value, i) => expect(Math.abs(value - end[i]!), name).toBeLessThan(2e-3))
      }
    },
  )

  it('trains a network in brain.js', async () => {
    const [step, loss] = await run('brain', lifted, 'lifted')
    expect(step).toBe(60)
    expect(loss).toBeLessThan(0.2)
  })

  it('is there for every framework', () => {
    expect(Object.keys(targets)).toHaveLength(6)
  })
})
