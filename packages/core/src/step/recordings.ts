import { input, mul, type Expr, type Shape } from '../graph/algebra.js'
import type { MatrixRows } from '../transformation/hyperparameter.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import type { RecordedUpdate } from '../transformation/recordedUpdate.js'
import { recordUpdate } from '../transformation/recordUpdate.js'
import { clipElements, clipUnits } from './wrapperGraphs.js'

/** The properties of a parameter that a base's update depends on. */
export interface BaseForm {
  readonly base: Preconditioner
  /** `tall` (more rows than columns) or `wide` where the parameter is a matrix, else `any`. */
  readonly matrix: 'any' | 'tall' | 'wide'
  /** Whether it is a matrix to its base, rather than to the limits of its gradient alone. */
  readonly isOwnMatrix: boolean
  /** What the rows of a matrix are to its base. */
  readonly rows: MatrixRows
  /** Whether the gradient is clipped to a norm. */
  readonly clips: boolean
  /** Whether its elements are clipped first. */
  readonly clipsValue: boolean
  /** The meaning of the rows of a matrix whose units are clipped, after its elements. */
  readonly clipsUnits: MatrixRows | 'no'
}

/** A base's update of a parameter. */
export interface Recording {
  readonly shape: Shape
  /** The gradient as it is given. */
  readonly raw: Expr
  /** The gradient whose norm is clipped. */
  readonly limited: Expr
  /** The gradient that the base sees: clipped, where it is. */
  readonly gradient: Expr
  readonly parameter: Expr
  readonly update: RecordedUpdate
}

/** Records the update of a base. */
export type Recorder = (form: BaseForm) => Recording

/** Creates a recorder that calls a definition's `update` once for each form, however many graphs are made of it. */
export function createRecorder(): Recorder {
  const recordings = new Map<Preconditioner, Map<string, Recording>>()
  return (form) => {
    const ofBase = recordings.get(form.base) ?? new Map<string, Recording>()
    recordings.set(form.base, ofBase)
    const key = `${form.matrix} ${form.rows} ${form.isOwnMatrix} ${form.clips} ${form.clipsValue} ${form.clipsUnits}`
    let recording = ofBase.get(key)
    if (!recording) ofBase.set(key, (recording = record(form)))
    return recording
  }
}

/** The form in which a base is recorded where no parameter is at hand: of rows that are outputs, with the gradient as it is. */
export function plainForm(base: Preconditioner, matrix: BaseForm['matrix']): BaseForm {
  const isOwnMatrix = matrix !== 'any'
  return { base, matrix, isOwnMatrix, rows: 'outputs', clips: false, clipsValue: false, clipsUnits: 'no' }
}

function record({
  base,
  matrix,
  isOwnMatrix,
  rows,
  clips,
  clipsValue,
  clipsUnits: units,
}: BaseForm): Recording {
  const shape: Shape = matrix === 'any' ? 'tensor' : 'rows,columns'
  const raw = input('gradient', shape)
  const parameter = input('parameter', shape)
  const bounded = clipsValue ? clipElements(raw) : raw
  const limited = units === 'no' ? bounded : clipUnits(bounded, parameter, units)
  const gradient = clips ? mul(input('clip', 'scalar'), limited) : limited
  const form = { isMatrix: isOwnMatrix, tall: matrix === 'tall', rows }
  const update = recordUpdate(base, gradient, parameter, shape, form)
  return { shape, raw, limited, gradient, parameter, update }
}
