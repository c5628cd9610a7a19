import { runCheck } from '../checks/index.js'
import type { Case } from '../case.js'
import { createContext } from '../context.js'
import { smallFunctionRows, smallFunctions, translateRow } from '../golden/index.js'
import { allCapabilitiesBut } from '../manifest.js'
import { problemParameters, problemStep, sizeOf } from '../problem.js'
import type {
  ConformanceTarget,
  Core,
  Session,
  SessionReport,
  SessionUnitReport,
  TargetParameter,
  TypedArray,
} from '../target.js'
import type { DataArray, DataCall, DataNumber, DataReport, DataUnit } from './format.js'
import { keyOf, oracleSession, type History, type OracleSession, type Saved } from './oracleSession.js'

/** A number in a case. */
function dataNumber(value: number): DataNumber {
  if (Object.is(value, -0)) return '-0'
  return Number.isFinite(value) ? value : (String(value) as DataNumber)
}

/** The numbers of a tensor. Many that are equal are written once. */
function dataArray(values: ArrayLike<number>): DataArray {
  const list = Array.from(values)
  const [first] = list
  if (list.length > 8 && list.every((value) => Object.is(value, first)))
    return { fill: dataNumber(first!), size: list.length }
  return list.map(dataNumber)
}

/** The sessions of a check whose parameters must be equal at its end, by their numbers. */
function samePairs(oneCase: Case): readonly (readonly [number, number])[] {
  switch (oneCase.check) {
    case 'equal':
      return oneCase.exact ? [[0, 1]] : []
    case 'repeatable':
    case 'usedCheckpoint':
      return [[0, 1]]
    case 'independent':
      return [[1, 0]]
    case 'resume':
      return [
        [2, 0],
        [1, 0],
      ]
    case 'checkpointBytes':
    case 'permutedCheckpoint':
      return [[2, 0]]
    default:
      return []
  }
}

/** Whether a case compares reports: not where s lies outside of its type's range. */
function asksForReports(oneCase: Case): boolean {
  return oneCase.check !== 'trajectory' || oneCase.reports !== false
}

/** What a case does and what must come of it. */
export interface Recorded {
  readonly calls: readonly DataCall[]
  readonly terms: number
}

/**
 * Records a case as data: its check is run on sessions whose numbers are the oracle's.
 *
 * @param core takes the steps whose errors and checkpoints are recorded
 * @throws the errors of the check, which must have none
 */
export async function recordCase(core: Core, oneCase: Case, seed = 1): Promise<Recorded> {
  if (oneCase.check === 'plane') return planeCase(oneCase)
  const recorder = createRecorder(core, asksForReports(oneCase))
  if (oneCase.check === 'oldCheckpoint' || oneCase.check === 'goldenCheckpoint') {
    const { problem, after, bytes } = oneCase
    recorder.know(fromText(bytes), {
      transformation: problem.transformation,
      start: problemParameters(problem, oneCase.dtype),
      steps: Array.from({ length: after }, (_, i) => problemStep(problem, i + 1, oneCase.dtype)),
      skipped: 0,
    })
  }
  const context = createContext(recorder.target, oneCase.dtype, { seed })
  await runCheck(context, oneCase)
  return {
    calls: [...recorder.calls, ...samePairs(oneCase).map((same) => ({ same }))],
    terms: recorder.terms(),
  }
}

function fromText(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** A run to the minimum of a function of the plane, whose gradients follow from where the target is. */
function planeCase(oneCase: Extract<Case, { check: 'plane' }>): Recorded {
  const row = smallFunctionRows.find(
    (candidate) => candidate.function === oneCase.function && candidate.optimiser === oneCase.optimiser,
  )!
  const { start, tolerance } = smallFunctions[oneCase.function]!
  const { iterations, finalValue } = row.published
  return {
    terms: 2,
    calls: [
      {
        create: 0,
        transformation: { format: 'induced-metric', version: 1, ...translateRow(row) },
        parameters: [{ name: 'p', shape: [2], data: [...start] }],
      },
      {
        minimise: 0,
        function: oneCase.function,
        until: tolerance,
        atMost: 1000,
        iterations,
        value: finalValue,
      },
    ],
  }
}

/** What has been done, and the names of the states that were saved, by their bytes. */
interface Log {
  readonly calls: DataCall[]
  readonly names: Map<string, string>
  /** Whether what the steps report is part of the data. */
  readonly reports: boolean
}

/** A session that writes down what is done with it. */
function recordSession(session: OracleSession, number: number, log: Log): Session {
  const { calls, names } = log
  const attempt = <T>(call: DataCall, run: () => T): T => {
    try {
      return run()
    } catch (error) {
      calls.push({ ...call, error: codeOf(error) })
      throw error
    }
  }
  return {
    read: () => session.read(),
    step(gradients, options) {
      const loss = options?.loss
      const call = {
        step: number,
        gradients: gradients.map((g) => g && dataArray(g)),
        ...(loss === undefined ? {} : { loss: dataNumber(loss) }),
      }
      const report = attempt(call, () => session.step(gradients, options) as ReturnTypeOfStep)
      const counts = { taken: report.step, passed: report.skippedSteps }
      const waiting = report.accumulated ?? 0
      if (report.skipped) calls.push({ ...call, ...counts, skipped: true })
      else
        calls.push({
          ...call,
          ...counts,
          ...(waiting > 0 && { waiting }),
          parameters: session.values().map(dataArray),
          // While calls wait, a report has the numbers of the latest update, and there may be none.
          ...(log.reports && waiting === 0 && { report: reportOf(report) }),
        })
      return report
    },
    save() {
      const call = { save: number }
      const bytes = attempt(call, () => session.save!() as Uint8Array)
      const name = `${number}.${names.size}`
      // Of a state that is saved again there is a name already.
      if (!names.has(toText(bytes))) {
        names.set(toText(bytes), name)
        calls.push({ ...call, as: name })
      }
      return bytes
    },
    load(bytes) {
      const from = names.get(toText(bytes))
      const call = from === undefined ? { load: number, bytes: toText(bytes) } : { load: number, from }
      void attempt(call, () => session.load!(bytes))
      calls.push(call)
    },
    reset() {
      void attempt({ reset: number }, () => session.reset!())
      calls.push({ reset: number })
    },
    dispose() {
      void session.dispose!()
      calls.push({ dispose: number })
    },
  }
}

/** A target that writes down what is done with its sessions. */
function createRecorder(core: Core, reports: boolean) {
  const calls: DataCall[] = []
  const saved: Saved = new Map()
  const names = new Map<string, string>()
  const live: (OracleSession | undefined)[] = []
  let count = 0
  let terms = 0

  const target: ConformanceTarget = {
    manifest: {
      name: 'oracle',
      version: '1.0.0',
      dtypes: ['float32', 'float64'],
      arithmetic: {
        float32: { elementwise: 'float32', sums: 'float64' },
        float64: { elementwise: 'float64', sums: 'float64' },
      },
      // In single precision, a session that goes on from what was read goes on from rounded numbers.
      capabilities: allCapabilitiesBut('bitwise'),
    },
    core: { ...core, createOptimizer: referenceOf(core, saved) },
    create(made, parameters) {
      const number = count++
      const at = live.findIndex((session) => isAt(session, parameters))
      const call = {
        create: number,
        transformation: made.toJSON(),
        ...(at !== -1 && { at }),
        parameters: parameters.map(parameterOf),
      }
      terms = Math.max(
        terms,
        parameters.reduce((n, { shape }) => n + sizeOf(shape), 0),
      )
      try {
        const session = oracleSession(core, made, parameters, saved)
        calls.push(call)
        live[number] = session
        return recordSession(session, number, { calls, names, reports })
      } catch (error) {
        calls.push({ ...call, error: codeOf(error) })
        throw error
      }
    },
  }
  const know = (bytes: Uint8Array, history: History): void => void saved.set(keyOf(core, bytes), history)
  return { target, calls, know, terms: () => terms }
}

type ReturnTypeOfStep = Exclude<ReturnType<Session['step']>, Promise<unknown>>

/** Whether parameters have the values that a session has reached. */
function isAt(session: OracleSession | undefined, parameters: readonly TargetParameter[]): boolean {
  if (session === undefined || !session.hasStepped()) return false
  const reached = session.read() as readonly TypedArray[]
  return (
    reached.length === parameters.length &&
    reached.every((values, i) => values.length > 0 && String(values) === String(parameters[i]!.data))
  )
}

function reportOf(report: SessionReport): DataReport {
  const { learningRate, units } = report
  const { key: _, ...own } = unitOf(report)
  return { ...own, learningRate: dataNumber(learningRate), ...(units && { units: units.map(unitOf) }) }
}

function unitOf({ key, scale, dualNorm, metric, xi }: SessionUnitReport): DataUnit {
  return {
    ...(key === undefined ? {} : { key }),
    scale: dataNumber(scale),
    dualNorm: dataNumber(dualNorm),
    metric: dataNumber(metric),
    xi: dataNumber(xi),
  }
}

function parameterOf({ name, shape, group, data }: TargetParameter) {
  return {
    name,
    shape,
    ...(group === undefined ? {} : { group }),
    dtype: data instanceof Float32Array ? ('float32' as const) : ('float64' as const),
    data: dataArray(data),
  }
}

function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown }
  if (typeof code !== 'string') throw error
  return code
}

function toText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

/** The core's `createOptimizer`, whose steps are known where its state is loaded elsewhere. */
function referenceOf(core: Core, saved: Saved): Core['createOptimizer'] {
  return (made, parameters, options) => {
    const optimizer = core.createOptimizer(made, parameters, options)
    const beside = oracleSession(core, made, parameters, saved)
    return new Proxy(optimizer, {
      get(whole, key) {
        if (key === 'step') {
          return (...given: Parameters<typeof optimizer.step>) => {
            void beside.step(...given)
            return whole.step(...given)
          }
        }
        if (key === 'save') {
          return () => {
            void beside.save!()
            return whole.save()
          }
        }
        const value: unknown = Reflect.get(whole, key)
        return typeof value === 'function' ? (value.bind(whole) as unknown) : value
      },
    })
  }
}
