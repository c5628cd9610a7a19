/**
 * A runner of the suite's data. It reads nothing but the data: it knows no case, no oracle and no check of the kit.
 */
import type {
  ConformanceTarget,
  Manifest,
  Session,
  SessionReport,
  TargetParameter,
  TypedArray,
} from '../../src/index.js'
import type { DataArray, DataCall, DataCase, DataNumber, DataUnit } from '../../src/data/format.js'

type Dtype = 'float32' | 'float64'
type StepCall = Extract<DataCall, { readonly step: number }>

/** Runs a case. Returns what is wrong, or `undefined`. */
export async function runDataCase(
  target: ConformanceTarget,
  one: DataCase,
  dtype: Dtype,
): Promise<string | undefined> {
  const run = createRun(target, one, dtype)
  try {
    for (const [i, call] of one.calls.entries()) {
      const wrong = await run.take(call)
      if (wrong !== undefined) return `call ${i}: ${wrong}`
    }
    return undefined
  } catch (error) {
    return `an error: ${String(error)}`
  }
}

function toleranceOf({ arithmetic }: Manifest, dtype: Dtype, terms: number): number {
  const { elementwise, sums } = arithmetic[dtype]!
  const single = dtype === 'float32' || elementwise === 'float32'
  return (single ? 2e-5 : 1e-12) + (sums === 'float32' ? Math.min(terms, 1024) * 2 ** -24 : 0)
}

function numbersOf(values: DataArray): number[] {
  if (Array.isArray(values)) return (values as readonly DataNumber[]).map(Number)
  const { fill, size } = values as { readonly fill: DataNumber; readonly size: number }
  return new Array<number>(size).fill(Number(fill))
}

function magnitude(values: ArrayLike<number>): number {
  let size = 0
  for (let i = 0; i < values.length; i++)
    if (Number.isFinite(values[i])) size = Math.max(size, Math.abs(values[i]!))
  return size
}

/** What is wrong with numbers, relative to the largest. */
function differs(
  where: string,
  got: ArrayLike<number>,
  expected: readonly number[],
  tolerance: number,
  scale?: number,
): string | undefined {
  if (got.length !== expected.length) return `${where}: ${got.length} numbers, not ${expected.length}`
  const size = scale ?? magnitude(expected)
  for (const [i, value] of expected.entries()) {
    const is = got[i]!
    if (Object.is(is, value) || is === value) continue
    if (!(Math.abs(is - value) <= tolerance * size)) return `${where}, element ${i}: ${is}, not ${value}`
  }
  return undefined
}

function createRun(target: ConformanceTarget, one: DataCase, dtype: Dtype) {
  const { core, manifest } = target
  const sessions = new Map<number, Session>()
  const types = new Map<number, Dtype[]>()
  const states = new Map<string, Uint8Array>()
  const largest = new Map<number, number[]>()
  const tolerance = Math.max(one.tolerance ?? 0, toleranceOf(manifest, dtype, one.terms))

  const arrayOf = (values: DataArray, own: Dtype): TypedArray =>
    own === 'float32' ? Float32Array.from(numbersOf(values)) : Float64Array.from(numbersOf(values))
  /** Does something that must have the error, or none. */
  const attempt = async (error: string | undefined, run: () => unknown): Promise<string | undefined> => {
    try {
      await run()
    } catch (thrown) {
      const { code } = thrown as { code?: unknown }
      return error !== undefined && code === error
        ? undefined
        : `threw ${String(thrown)}, not ${error ?? 'nothing'}`
    }
    return error === undefined ? undefined : `threw nothing, not ${error}`
  }

  const step = async (call: StepCall): Promise<string | undefined> => {
    const session = sessions.get(call.step)!
    const own = types.get(call.step)!
    const gradients = call.gradients.map((g, i) => g && arrayOf(g, own[i] ?? dtype))
    const options = call.loss === undefined ? {} : { loss: Number(call.loss) }
    const still = call.skipped === true || call.error !== undefined
    const disposed = call.error === 'ERR_DISPOSED'
    const before = still && !disposed ? (await session.read()).map((data) => data.slice()) : []
    let report: SessionReport | undefined
    const wrong = await attempt(
      call.error,
      async () => void (report = await session.step(gradients, options)),
    )
    if (wrong !== undefined) return wrong
    if (still && !disposed) {
      const after = await session.read()
      for (const [i, data] of before.entries())
        if (data.some((x, j) => !Object.is(x, after[i]![j]))) return `parameter ${i} changed`
    }
    return report && (checkReport(call, report) ?? checkParameters(call, await session.read()))
  }

  const checkReport = (call: StepCall, report: SessionReport): string | undefined => {
    if (report.skipped !== (call.skipped === true)) return `report.skipped is ${report.skipped}`
    if (report.step !== call.taken) return `report.step is ${report.step}, not ${call.taken}`
    if (report.skippedSteps !== call.passed)
      return `report.skippedSteps is ${report.skippedSteps}, not ${call.passed}`
    const waiting = call.waiting ?? 0
    if ((report.accumulated ?? waiting) !== waiting)
      return `report.accumulated is ${report.accumulated}, not ${waiting}`
    const expected = call.report
    if (expected === undefined) return undefined
    const unit = (where: string, got: SessionReport | NonNullable<SessionReport['units']>[0], of: DataUnit) =>
      (['scale', 'dualNorm', 'metric', 'xi'] as const)
        .map((key) => differs(`${where}${key}`, [got[key]], [Number(of[key])], tolerance))
        .find((wrong) => wrong !== undefined)
    const wrong =
      unit('report.', report, expected) ??
      differs('report.learningRate', [report.learningRate], [Number(expected.learningRate)], tolerance)
    if (wrong !== undefined || expected.units === undefined) return wrong
    const misnamed = expected.units.findIndex(
      ({ key }, i) => key !== undefined && (report.units![i]!.key ?? key) !== key,
    )
    if (misnamed !== -1) return `report.units[${misnamed}].key is ${report.units![misnamed]!.key}`
    return expected.units
      .map((of, i) => unit(`report.units[${i}].`, report.units![i]!, of))
      .find((found) => found !== undefined)
  }

  const checkParameters = (call: StepCall, got: readonly TypedArray[]): string | undefined => {
    const sizes = largest.get(call.step)!
    return call.parameters
      ?.map((values, i) => {
        const expected = numbersOf(values)
        sizes[i] = Math.max(sizes[i] ?? 0, magnitude(expected))
        const scale = one.relativeTo === 'largest' ? sizes[i] : undefined
        return differs(`parameter ${i}`, got[i]!, expected, tolerance, scale)
      })
      .find((wrong) => wrong !== undefined)
  }

  const create = (call: Extract<DataCall, { readonly create: number }>) =>
    attempt(call.error, async () => {
      const now = call.at === undefined ? undefined : await sessions.get(call.at)!.read()
      const parameters = call.parameters.map(({ dtype: own = dtype, data, ...p }, i): TargetParameter => ({
        ...p,
        data: now?.[i]?.slice() ?? arrayOf(data, own),
      }))
      const session = await target.create(core.fromJSON(call.transformation), parameters)
      sessions.set(call.create, session)
      types.set(
        call.create,
        call.parameters.map(({ dtype: own = dtype }) => own),
      )
      largest.set(
        call.create,
        parameters.map(({ data }) => magnitude(data)),
      )
    })

  return {
    async take(call: DataCall): Promise<string | undefined> {
      if ('create' in call) return create(call)
      if ('step' in call) return step(call)
      if ('minimise' in call) return minimise(sessions.get(call.minimise)!, call, dtype)
      if ('save' in call)
        return attempt(call.error, async () => {
          const bytes = (await sessions.get(call.save)!.save!()).slice()
          if (call.as !== undefined) states.set(call.as, bytes)
        })
      if ('load' in call) {
        const bytes = call.from === undefined ? fromBase64(call.bytes!) : states.get(call.from)!
        return attempt(call.error, () => sessions.get(call.load)!.load!(bytes))
      }
      if ('reset' in call) return attempt(call.error, () => sessions.get(call.reset)!.reset!())
      if ('dispose' in call) return attempt(undefined, () => sessions.get(call.dispose)!.dispose?.())
      const [a, b] = await Promise.all(call.same.map(async (number) => sessions.get(number)!.read()))
      const allowed = manifest.capabilities.includes('bitwise') ? 0 : tolerance
      return a!
        .map((values, i) =>
          differs(`parameter ${i} of ${call.same.join(' and ')}`, values, [...b![i]!], allowed),
        )
        .find((wrong) => wrong !== undefined)
    },
  }
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

const { PI, cos, exp, sin, sqrt, E } = Math

/** The functions of the plane that a case may name: value, ∂x, ∂y. */
const functions: Readonly<Record<string, (x: number, y: number) => readonly [number, number, number]>> = {
  beale: (x, y) => {
    const [a, b, c] = [1.5 - x + x * y, 2.25 - x + x * y ** 2, 2.625 - x + x * y ** 3]
    return [
      a * a + b * b + c * c,
      2 * a * (y - 1) + 2 * b * (y ** 2 - 1) + 2 * c * (y ** 3 - 1),
      2 * a * x + 4 * b * x * y + 6 * c * x * y ** 2,
    ]
  },
  rosenbrock: (x, y) => [
    (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    -2 * (1 - x) - 400 * x * (y - x * x),
    200 * (y - x * x),
  ],
  himmelblau: (x, y) => {
    const [a, b] = [x * x + y - 11, x + y * y - 7]
    return [a * a + b * b, 4 * x * a + 2 * b, 2 * a + 4 * y * b]
  },
  ackley: (x, y) => {
    const r = sqrt(0.5 * (x * x + y * y))
    const [bowl, waves] = [exp(-0.2 * r), exp(0.5 * (cos(2 * PI * x) + cos(2 * PI * y)))]
    return [
      -20 * bowl - waves + 20 + E,
      (2 * bowl * x) / r + PI * waves * sin(2 * PI * x),
      (2 * bowl * y) / r + PI * waves * sin(2 * PI * y),
    ]
  },
  rastrigin: (x, y) => [
    20 + (x * x - 10 * cos(2 * PI * x)) + (y * y - 10 * cos(2 * PI * y)),
    2 * x + 20 * PI * sin(2 * PI * x),
    2 * y + 20 * PI * sin(2 * PI * y),
  ],
}

async function minimise(
  session: Session,
  call: Extract<DataCall, { readonly minimise: number }>,
  dtype: Dtype,
): Promise<string | undefined> {
  const f = functions[call.function]!
  const at = async () => {
    const [p] = await session.read()
    return f(p![0]!, p![1]!)
  }
  let [value, dx, dy] = await at()
  let iterations = 0
  for (; iterations < call.atMost && !(value <= call.until); iterations++) {
    const gradient = dtype === 'float32' ? Float32Array.of(dx, dy) : Float64Array.of(dx, dy)
    await session.step([gradient], { loss: value })
    ;[value, dx, dy] = await at()
  }
  if (iterations !== call.iterations) return `${iterations} iterations, not ${call.iterations}`
  const text = value.toExponential(2).replace(/e([+-])(\d)$/, 'e$10$2')
  return text === call.value ? undefined : `the value ${text}, not ${call.value}`
}
