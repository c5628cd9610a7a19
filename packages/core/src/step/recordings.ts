import { input, mul, type Expr, type Shape } from '../graph/algebra.js'
import type { MatrixRows } from '../transformation/hyperparameter.js'
import type { Preconditioner } from '../transformation/preconditioner.js'
import { recordUpdate, type RecordedUpdate } from '../transformation/recordUpdate.js'

/** The properties of a parameter that a base's update depends on. */
export interface BaseForm {
  readonly base: Preconditioner
  /** `tall` (more rows than columns) or `wide` where the parameter is a matrix to its base, else `any`. */
  readonly matrix: 'any' | 'tall' | 'wide'
  /** What the rows of a matrix are to its base. */
  readonly rows: MatrixRows
  /** Whether the gradient is clipped first. */
  readonly clips: boolean
}

/** A base's update of a parameter. */
export interface Recording {
  readonly shape: Shape
  /** The gradient as it is given. */
  readonly raw: Expr
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
    const key = `${form.matrix} ${form.rows} ${form.clips}`
    let recording = ofBase.get(key)
    if (!recording) ofBase.set(key, (recording = record(form)))
    return recording
  }
}

/** The form in which a base is recorded where no parameter is at hand: of rows that are outputs, with the gradient as it is. */
export function plainForm(base: Preconditioner, matrix: BaseForm['matrix']): BaseForm {
  return { base, matrix, rows: 'outputs', clips: false }
}

function record({ base, matrix, rows, clips }: BaseForm): Recording {
  const shape: Shape = matrix === 'any' ? 'tensor' : 'rows,columns'
  const raw = input('gradient', shape)
  const gradient = clips ? mul(input('clip', 'scalar'), raw) : raw
  const parameter = input('parameter', shape)
  const form = { isMatrix: matrix !== 'any', tall: matrix === 'tall', rows }
  const update = recordUpdate(base, gradient, parameter, shape, form)
  return { shape, raw, gradient, parameter, update }
}
