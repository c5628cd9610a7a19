import { runConformance, type ConformanceReport, type ConformanceTarget } from '@induced-metric/conformance'
import { inducedMetric } from '@induced-metric/core'
import { requestDevice } from '../../../core/test/browser/pageDevice.js'
import { gpuTarget } from '../conformance/gpuTarget.js'
import { bases } from '../targets/algebraBases.js'
import { distance, parametersOf, referenceRun, sessionRun } from '../targets/algebraRuns.js'

// The functions of the page that the browser test calls.

let started: Promise<ConformanceTarget> | undefined
/** The target, on a device that reports errors on the console. */
function target(): Promise<ConformanceTarget> {
  return (started ??= requestDevice().then(gpuTarget))
}

/** Runs cases of the suite; all of them, if there is no list. */
async function conformance(ids?: readonly string[]): Promise<ConformanceReport> {
  return runConformance(await target(), ids && { filter: ids })
}

/**
 * Takes steps with bases that together use everything in the algebra.
 *
 * @returns by base, how far weights and slots are from those of the reference engine, or the code of an error
 */
async function algebra(): Promise<Record<string, number | string>> {
  const own = await target()
  const distances: Record<string, number | string> = {}
  for (const [name, base] of Object.entries(bases)) {
    const settings = { learningRate: 0.05, xi: 0.1, weightDecay: 0.01, clipNorm: 3 }
    const transformation = inducedMetric(base, settings)
    const given = parametersOf(Float32Array)
    try {
      const session = await own.create(transformation, given)
      await sessionRun(session, 0, 6)
      const [values, kept] = [await session.read(), await session.slots!()]
      await session.dispose!()
      const expected = referenceRun(transformation, given, 6)
      const slots = Object.entries(expected.slots).flatMap(([owner, each]) =>
        Object.entries(each).map(([slot, data]) => [kept[owner]![slot]!, data] as const),
      )
      const ofSlots = slots.map(([found, data]) => distance([found], [data]))
      distances[name] = Math.max(distance(values, expected.values), ...ofSlots)
    } catch (error) {
      distances[name] = (error as { code?: string }).code ?? String(error)
    }
  }
  return distances
}

const page = { conformance, algebra }
export type Page = typeof page
Object.assign(globalThis, { page })
