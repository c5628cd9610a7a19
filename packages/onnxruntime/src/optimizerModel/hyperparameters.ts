import { InducedMetricError } from '@induced-metric/core'
import {
  isTied,
  parseModelInput,
  perRateOf,
  profileEntries,
  tiedRateInputs,
  unitEntries,
  type MetricUnit,
  type ScalarEntry,
  type StepPlan,
} from '@induced-metric/core/adapter'
import { dataType, type ModelBuilder } from '@induced-metric/onnx/proto'

/** The hyperparameters of a model. They are constants, except for those on a schedule and those that the caller wants as inputs. */
export interface ModelHyperparameters {
  /** The names of those that are inputs, so far. */
  readonly inputs: readonly string[]
  /** A hyperparameter of a profile of the plan, by the `input` of its entry; `undefined` if there is none. */
  readonly profile: (profile: number, input: string) => string | undefined
  /** The same of a metric unit. It takes a value that it shares with a profile from there. */
  readonly unit: (unit: number, input: string) => string | undefined
  /** Throws ERR_OPTION when the step reads none of a name that the caller wants as an input. */
  readonly checkAsked: () => void
}

/** The suffix that distinguishes the names of a unit's inputs from those of other units. */
export function unitSuffix({ key }: MetricUnit): string {
  return key === '' ? '' : `.${key}`
}

/** The same for a profile; the first has none. */
export function profileSuffix(profile: number): string {
  return profile === 0 ? '' : `.${profile}`
}

/** The name of the input for a hyperparameter. */
function inputName(name: string, suffix: string): string {
  const plain = name === 'beta' ? 'metric.beta' : name.replace(/^(base|embedding)\./, '')
  return `${plain.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}${suffix}`
}

/** @param asked the names of hyperparameters that are to be inputs */
export function createHyperparameters(
  builder: ModelBuilder,
  plan: StepPlan,
  asked: readonly string[],
): ModelHyperparameters {
  const found = new Set<string>()
  const valueOf = (entries: readonly ScalarEntry[], name: string, suffix: string): string | undefined => {
    const value = entries.find((entry) => entry.input === name)?.value
    if (value === undefined) return undefined
    const input = inputName(name, suffix)
    if (typeof value === 'number' && !asked.includes(input)) return builder.real(value, dataType.double)
    found.add(input)
    return builder.input(input, dataType.double, [])
  }
  const profile: ModelHyperparameters['profile'] = (index, name) =>
    valueOf(profileEntries(plan.profiles[index]!), name, profileSuffix(index))

  return {
    get inputs() {
      return [...found]
    },
    profile,
    unit(index, name) {
      const unit = plan.units[index]!
      const averaged = parseModelInput(name)
      if (averaged) {
        const base = unit.bases[averaged.model]!
        const owner = plan.profiles.findIndex((candidate) => candidate.base === base)
        return profile(owner, `base.${averaged.name}`)
      }
      const owner = plan.profiles.findIndex(({ settings }) => settings === unit.settings)
      const isRateGiven = asked.includes(inputName('learningRate', profileSuffix(owner)))
      if (isRateGiven && tiedRateInputs.has(name)) return profile(owner, 'learningRate')
      const { xi } = unit.settings
      if (isRateGiven && name === 'xi' && isTied(xi)) {
        const perRate = builder.real(perRateOf(xi), dataType.double)
        return builder.emit('Mul', [perRate, profile(owner, 'learningRate')])
      }
      return valueOf(unitEntries(unit), name, unitSuffix(unit))
    },
    checkAsked() {
      const unused = asked.find((name) => !found.has(name))
      if (unused === undefined) return
      throw new InducedMetricError(
        'ERR_OPTION',
        `inputs: the optimiser reads no hyperparameter ${JSON.stringify(unused)}; name them as learning_rate, xi, beta1`,
      )
    },
  }
}
