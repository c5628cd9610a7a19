import type { Scalars } from '../../graph/hostScalars.js'
import { lossCount } from '../../step/metricGraph.js'
import type { StepPlan } from '../../step/plan.js'
import {
  extentScalars,
  prepareScalars,
  profileEntries,
  unitEntries,
  writeScalars,
  type PreparedScalars,
} from '../../step/scalarInputs.js'
import type { EarlyScalars } from './codegen/earlyScalars.js'
import type { Form } from './codegen/form.js'
import type { EarlyClass } from './earlyTable.js'

/** The classes of a plan's early scalars: those of parameters, of metric units, and of profiles, in this order. */
export interface EarlyClasses {
  /** By parameter, the index of its class. */
  readonly ofParameters: readonly number[]
  /** The classes of the first unit and of the first profile. */
  readonly firstUnit: number
  readonly firstProfile: number
  /** The classes at the hyperparameters of a plan, which may have another learning rate. */
  create(plan: StepPlan): EarlyClass[]
}

const extentInputs = ['rows', 'columns', 'size']

/** Finds the classes of a plan. Parameters of a form share one, unless their extents enter. */
export function classify(
  { parameters, units }: StepPlan,
  forms: readonly Form[],
  formOf: readonly number[],
  given: { readonly units: readonly EarlyScalars[]; readonly shared: readonly EarlyScalars[] },
): EarlyClasses {
  const keys: string[] = []
  const first: number[] = []
  const ofParameters = parameters.map(({ rows, columns, size }, index) => {
    const { early } = forms[formOf[index]!]!
    const isOwn = extentInputs.some((name) => early.inputs.has(name))
    const key = [formOf[index], isOwn && [rows, columns, size]].join()
    if (!keys.includes(key)) first[keys.push(key) - 1] = index
    return keys.indexOf(key)
  })
  return {
    ofParameters,
    firstUnit: first.length,
    firstProfile: first.length + units.length,
    create(plan) {
      const profiles = plan.profiles.map((profile) => prepareScalars(profileEntries(profile)))
      const ofForms = first.map((index) => {
        const parameter = plan.parameters[index]!
        const extents = extentScalars({}, parameter)
        return createClass(
          forms[formOf[index]!]!.early,
          profiles[parameter.profile]!,
          (step, [own, profile]) => ({ ...extents, step: step - own, profileStep: step - profile }),
        )
      })
      const ofUnits = plan.units.map((unit, index) =>
        createClass(given.units[index]!, prepareScalars(unitEntries(unit)), (step, [own, losses]) => ({
          metricStep: step - own,
          [`state.${lossCount}`]: step - 1 - losses,
        })),
      )
      const ofProfiles = profiles.map((prepared, index) =>
        createClass(given.shared[index]!, prepared, (step, [own]) => ({ profileStep: step - own })),
      )
      return [...ofForms, ...ofUnits, ...ofProfiles]
    },
  }
}

function createClass(
  early: EarlyScalars,
  { scalars, scheduled }: PreparedScalars,
  counts: (step: number, offsets: readonly [number, number]) => Scalars,
): EarlyClass {
  return {
    width: early.columns.size,
    write(out, at, step, offsets) {
      writeScalars(scalars, scheduled, step)
      early.write(out, at, Object.assign(scalars, counts(step, offsets)))
    },
  }
}
