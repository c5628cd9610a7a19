import { labelModel, labelsOf, checkLabels, own, type ValueTypes } from '@induced-metric/onnx/adapter'
import type { Ort, OrtValues } from '@induced-metric/onnx'
import type { Model } from '@induced-metric/onnx/proto'
import { runOrtSession } from '../ort/ort.js'
import { createModelSession } from './modelSession.js'

/** The check of labels before a step. */
export interface LabelCheck {
  /** Throws ERR_OPTION for labels that are not a class. */
  readonly check: (method: string, feeds: OrtValues) => void
  /** The same for labels that the model computes; undefined if it computes none. */
  readonly checkComputed: ((method: string, feeds: OrtValues) => Promise<void>) | undefined
  readonly release: () => Promise<void>
}

/**
 * Creates the check of the labels that a model's losses read. Fed labels are inspected. Labels that the model
 * computes from feeds are computed first, if that part of the model works on whole numbers.
 *
 * @param parameters inputs of the model that are not fed
 */
export async function createLabelCheck(
  ort: Ort,
  model: Model,
  types: ValueTypes,
  parameters: ReadonlySet<string>,
): Promise<LabelCheck> {
  const { fed, computed } = labelsOf(model, types, parameters)
  const part = computed.length === 0 ? undefined : labelModel(model, computed)
  const session = part && (await createModelSession(ort, part, 'the labels', { logSeverityLevel: 3 }))
  const inputs = part?.graph.input.map(({ name }) => name) ?? []
  const values = computed.map(({ value }) => value)
  return {
    check(method, feeds) {
      for (const labels of fed) checkLabels(method, labels, own(feeds, labels.input!)!)
    },
    checkComputed:
      session &&
      (async (method, feeds) => {
        const given = inputs.map((name) => [name, own(feeds, name)!] as const)
        const results = await runOrtSession(session, 'the labels', Object.fromEntries(given), values)
        for (const labels of computed) checkLabels(method, labels, results[labels.value]!)
      }),
    release: async () => session?.release(),
  }
}
