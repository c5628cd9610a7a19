import { fromJSON, type Transformation } from '@induced-metric/core'

/** A change to one of the paper's optimisers that tells what its lead comes from. */
export interface Control {
  readonly optimizer: string
  readonly control: ControlId
}

export type ControlId = 'no metric' | 'no decay' | 'the decay of log'

/** In order of importance: a study that is stopped has the first ones. */
export const controls: readonly Control[] = [
  { optimizer: 'identity', control: 'no metric' },
  { optimizer: 'log', control: 'no decay' },
  { optimizer: 'adam', control: 'the decay of log' },
  { optimizer: 'sgd', control: 'the decay of log' },
  { optimizer: 'identity', control: 'no decay' },
  { optimizer: 'rms', control: 'no metric' },
  { optimizer: 'log', control: 'no metric' },
  { optimizer: 'muon', control: 'the decay of log' },
  { optimizer: 'identity', control: 'the decay of log' },
  { optimizer: 'rms', control: 'the decay of log' },
]

/** η·λ of the paper's best setting of `log`: the share of the weights that a step takes away. */
const DECAY_PER_STEP = 0.1422 * 7.9e-3

/** An optimiser under a control. */
export function withControl(transformation: Transformation, control: ControlId): Transformation {
  const json = transformation.toJSON()
  switch (control) {
    case 'no metric':
      return fromJSON({ ...json, xi: 0 })
    case 'no decay':
      return fromJSON({ ...json, weightDecay: 0 })
    case 'the decay of log':
      return fromJSON({ ...json, weightDecay: DECAY_PER_STEP / (json.learningRate as number) })
  }
}
