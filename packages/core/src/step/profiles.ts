import { optionError } from '../errors.js'
import { inputNames } from '../graph/graph.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import type { GroupSettings, Transformation } from '../transformation/types.js'
import type { PlannedParameter, Profile } from './planned.js'
import type { SharedGraph } from './sharedGraph.js'

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
      inputNames(graph).has(name) || members.some((index) => inputNames(parameters[index]!.graph).has(name))
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

/** Whether the base of a parameter reads the loss. */
export function readsLoss({ graph }: Pick<PlannedParameter, 'graph'>): boolean {
  return inputNames(graph).has('loss')
}
