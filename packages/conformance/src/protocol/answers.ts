import { arrayOf, sizeOf } from '../problem.js'
import type { Core, SessionReport, SessionUnitReport, TargetParameter, TypedArray } from '../target.js'
import {
  booleanIn,
  elements,
  entry,
  numberIn,
  numbersIn,
  placeOf,
  textIn,
  wrong,
  type Part,
} from './encoding.js'
import { ProtocolFault } from './fault.js'

type ErrorCode = InstanceType<Core['InducedMetricError']>['code']

/** The codes of the core's errors, and one for a target that has failed itself. */
const codes: readonly (ErrorCode | 'ERR_INTERNAL')[] = [
  'ERR_OPTION',
  'ERR_SHAPE',
  'ERR_LOSS_REQUIRED',
  'ERR_BAD_LOSS',
  'ERR_NON_FINITE',
  'ERR_CHECKPOINT',
  'ERR_NOT_SUPPORTED',
  'ERR_DISPOSED',
  'ERR_INTERNAL',
]

/** The error that an answer reports. */
export function errorIn(part: Part, core: Core): Error {
  const message = textIn(entry(part, 'message'))
  const given = entry(part, 'code')
  const code = codes.find((known) => known === given.value) ?? wrong(given, `one of ${codes.join(', ')}`)
  if (code === 'ERR_INTERNAL') return new ProtocolFault(`the target failed: ${message}`)
  return new core.InducedMetricError(code, message)
}

/** The values of the parameters, one array for each, in their element types. */
export function parametersIn(part: Part, parameters: readonly TargetParameter[]): TypedArray[] {
  const arrays = elements(part)
  if (arrays.length !== parameters.length) {
    throw new ProtocolFault(`${placeOf(part)} must hold ${parameters.length} arrays, holds ${arrays.length}`)
  }
  return parameters.map(({ name, shape, data }, i) => {
    const array = arrays[i]!
    const values = numbersIn(array)
    const size = sizeOf(shape)
    if (values.length !== size) {
      throw new ProtocolFault(
        `${placeOf(array)}, parameter ${name}, must hold ${size} numbers, holds ${values.length}`,
      )
    }
    return arrayOf(data instanceof Float32Array ? 'float32' : 'float64', values)
  })
}

/** The report of a step. */
export function reportIn(part: Part): SessionReport {
  const units = entry(part, 'units')
  const accumulated = entry(part, 'accumulated')
  return {
    step: numberIn(entry(part, 'step')),
    skipped: booleanIn(entry(part, 'skipped')),
    skippedSteps: numberIn(entry(part, 'skippedSteps')),
    learningRate: numberIn(entry(part, 'learningRate')),
    ...unitIn(part),
    ...(accumulated.value === undefined ? {} : { accumulated: numberIn(accumulated) }),
    ...(units.value === undefined ? {} : { units: elements(units).map(unitIn) }),
  }
}

function unitIn(part: Part): SessionUnitReport {
  return {
    scale: numberIn(entry(part, 'scale')),
    dualNorm: numberIn(entry(part, 'dualNorm')),
    metric: numberIn(entry(part, 'metric')),
    xi: numberIn(entry(part, 'xi')),
  }
}

/** The report of a plain optimiser's step: it has no metric. */
export function reportOfPlain(step: number): SessionReport {
  return {
    step,
    skipped: false,
    skippedSteps: 0,
    learningRate: NaN,
    scale: 1,
    dualNorm: NaN,
    metric: 0,
    xi: 0,
  }
}
