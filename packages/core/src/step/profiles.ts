import { optionError } from '../errors.js'
import { buildGraph, type Graph } from '../graph/graph.js'
import { compileScalars, type Scalars } from '../graph/hostScalars.js'
import type { Expr } from '../graph/algebra.js'
import { sharedInput } from '../transformation/declarations.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import type { RecordedUpdate } from '../transformation/recordUpdate.js'
import type { GroupSettings, Transformation } from '../transformation/types.js'
import type { PlannedParameter, Profile, StepPlan } from './plan.js'
import { profileScalars } from './scalarInputs.js'
import type { ProfileNumbers } from './scalarState.js'

/**
 * The scalars that a base keeps once for its profile. Inputs: `total.I`, `shared.NAME`, `base.NAME`, `profileStep`,
 * `learningRate` and `loss`. Outputs: `shared.NAME` (its next value) and `initial.NAME`.
 */
export interface SharedGraph extends Graph {
  /** The names of the scalars. */
  readonly names: readonly string[]
}

/** Records the shared scalars of an update. */
export function recordShared({ shared }: RecordedUpdate): SharedGraph {
  const outputs: Record<string, Expr> = {}
  for (const [name, { initial, next }] of Object.entries(shared)) {
    outputs[sharedInput(name)] = next
    outputs[`initial.${name}`] = initial
  }
  return { ...buildGraph(outputs), names: Object.keys(shared) }
}

/** The name of a profile in checkpoints: the label of its group, '' for the default group, and whether its base is the fallback. */
function profileKey({ groups }: Transformation, settings: GroupSettings, base: Preconditioner): string {
  const label = Object.keys(groups).find((name) => groups[name] === settings) ?? ''
  return base === settings.base ? label : `${label} (fallback)`
}

/**
 * Completes the profiles of a plan.
 *
 * @param shared the recorded shared scalars of each parameter
 * @throws ERR_OPTION where a base has other totals or shared scalars for some of its parameters
 */
export function finishProfiles(
  transformation: Transformation,
  drafts: readonly Pick<Profile, 'settings' | 'base'>[],
  parameters: readonly PlannedParameter[],
  shared: readonly SharedGraph[],
): Profile[] {
  return drafts.map(({ settings, base }, profile): Profile => {
    const members = parameters.flatMap((parameter, index) => (parameter.profile === profile ? [index] : []))
    const first = members[0]!
    const { totals } = parameters[first]!.graph
    const graph = shared[first]!
    for (const index of members) {
      const isSame =
        shared[index]!.hash === graph.hash && parameters[index]!.graph.totals.length === totals.length
      if (isSame) continue
      throw optionError(
        `${base.name}: its totals and shared scalars must be the same for every parameter, and they differ between ` +
          `${parameters[first]!.name} and ${parameters[index]!.name}`,
      )
    }
    const reads = (name: string): boolean =>
      [graph, ...members.map((index) => parameters[index]!.graph)].some(({ nodes }) =>
        nodes.some((node) => node.op === 'input' && node.name === name),
      )
    return {
      settings,
      base,
      key: profileKey(transformation, settings, base),
      members,
      totals,
      shared: graph,
      keepsState: graph.names.length > 0 || reads('profileStep'),
    }
  })
}

/** The numbers of a profile before its first step. */
export function initialProfile(profile: Profile): ProfileNumbers {
  const { names } = profile.shared
  if (names.length === 0) return { steps: 0, values: [] }
  const evaluate = compileScalars(
    profile.shared,
    names.map((name) => `initial.${name}`),
  )
  return { steps: 0, values: [...evaluate(profileScalars({}, profile, 1))] }
}

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

/** Whether the base of a parameter reads the loss. */
export function readsLoss({ graph }: Pick<PlannedParameter, 'graph'>): boolean {
  return graph.nodes.some(({ op, name }) => op === 'input' && name === 'loss')
}
