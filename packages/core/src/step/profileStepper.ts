import { compileScalars, type Scalars } from '../graph/hostScalars.js'
import { sharedInput } from '../transformation/declarations.js'
import type { Profile, StepPlan } from './planned.js'
import { readsLoss } from './profiles.js'
import type { ProfileNumbers } from './scalarState.js'

/** Computes what a profile's parameters have in common in a step, beside the values of schedules. */
export interface ProfileStepper {
  /** Writes what is known before the passes into the scalars of the profile's parameters. */
  begin(numbers: ProfileNumbers, loss: number | undefined): void
  /**
   * Adds up the totals, and computes the next values of the shared scalars.
   *
   * @param parts by index of a total, and by parameter
   * @returns the next values
   */
  total(gradients: readonly unknown[], parts: readonly Float64Array[]): readonly number[]
  /** Writes the next values into the profile's numbers, once the parameters have been written. */
  keep(values: readonly number[], numbers: ProfileNumbers, gradients: readonly unknown[]): void
}

/**
 * Prepares the profile-wide scalars of a plan.
 *
 * @param current the scalars of each parameter, as they are in a step
 * @param profileScalarsOf the scalars of each profile
 */
export function createProfileStepper(
  { shared, totals, members }: Profile,
  current: readonly Scalars[],
  ofProfile: Scalars,
): ProfileStepper {
  const { names } = shared
  const outputs = names.map(sharedInput)
  const compute = compileScalars(shared, outputs)
  const own: Scalars = {}
  const share = (): void => {
    for (const index of members) Object.assign(current[index]!, own)
  }
  return {
    begin(numbers, loss) {
      own['loss'] = loss ?? NaN
      own['profileStep'] = numbers.steps + 1
      names.forEach((_, i) => (own[outputs[i]!] = numbers.values[i]!))
      share()
    },
    total(gradients, parts) {
      totals.forEach((name, i) => {
        let sum = 0
        for (const index of members) if (gradients[index] !== null) sum += parts[i]![index]!
        own[name] = sum
      })
      share()
      return [...compute({ ...ofProfile, ...own })]
    },
    keep(values, numbers, gradients) {
      if (members.every((index) => gradients[index] === null)) return
      numbers.steps++
      values.forEach((value, i) => (numbers.values[i] = value))
    },
  }
}

/** Whether a plan has scalars that its parameters share beside those of options and schedules. */
export function hasProfileScalars({
  profiles,
  parameters,
}: Pick<StepPlan, 'profiles' | 'parameters'>): boolean {
  return (
    profiles.some(({ totals, keepsState }) => totals.length > 0 || keepsState) || parameters.some(readsLoss)
  )
}
