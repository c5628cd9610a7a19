import type { Checkpoint, ParameterState } from '../checkpoint/checkpoint.js'
import { checkpointError } from '../errors.js'
import type { PlannedParameter, StepPlan } from '../step/plan.js'
import { checkForm, matchStates } from './matchStates.js'
import type { StemOf } from './names.js'

type Loaded = Pick<Checkpoint, 'hash' | 'parameters' | 'units'>

/** The saved state of a parameter, and that of its unit where each parameter is one. */
export interface Claim {
  readonly state: ParameterState
  readonly unit: Checkpoint['units'][number] | undefined
}

/** The states of a checkpoint that no variable has claimed yet: an optimiser meets its variables when it trains them. */
export interface Unclaimed extends Loaded {
  /**
   * Claims the states of variables that are met for the first time.
   *
   * @param fresh those variables, of the plan's
   * @throws ERR_CHECKPOINT when what was loaded does not fit; then nothing is claimed
   */
  claim(plan: StepPlan, fresh: readonly PlannedParameter[]): Map<PlannedParameter, Claim>
}

export function createUnclaimed(
  stemOf: StemOf,
  { hash, ...loaded }: Loaded = { hash: '', parameters: [], units: [] },
): Unclaimed {
  let { parameters, units } = loaded
  return {
    hash,
    get parameters() {
      return parameters
    },
    get units() {
      return units
    },
    claim(plan, fresh) {
      const matches = matchStates(fresh, parameters, stemOf)
      const isUntouched = parameters === loaded.parameters
      if (isUntouched && parameters.length > 0 && matches.length === 0) {
        throw checkpointError(
          `no state in the loaded checkpoint fits any of the variables ${fresh.map(({ name }) => name).join(', ')}`,
        )
      }
      // Where all that was loaded goes to all that is trained, the forms of both must be the same.
      const isAll = matches.length === parameters.length && matches.length === plan.parameters.length
      if (isUntouched && isAll) checkForm(plan, { hash, parameters })
      const names = new Set(matches.map(({ state }) => state.name))
      const claims = matches.map(({ parameter, state }) => {
        return [parameter, { state, unit: units.find(({ key }) => key === state.name) }] as const
      })
      parameters = parameters.filter(({ name }) => !names.has(name))
      units = units.filter(({ key }) => !names.has(key))
      return new Map(claims)
    },
  }
}
