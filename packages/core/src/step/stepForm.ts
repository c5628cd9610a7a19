import {
  flattened,
  matrixViewOf,
  rowsFor,
  structureOf,
  type MatrixView,
  type Preconditioner,
} from '../transformation/preconditioner.js'
import type { MatrixRows } from '../transformation/hyperparameter.js'
import { adaptiveClipOf } from '../transformation/wrappers.js'
import type { GroupSettings, ParameterInfo } from '../transformation/types.js'
import { isPlainBase } from './metricForm.js'
import type { StepForm } from './stepGraph.js'
import { averageKind } from './wrapperGraphs.js'

/**
 * The form of a parameter's step.
 *
 * @param scope the settings of all groups whose parameters are in the same sums
 */
export function stepForm(
  settings: GroupSettings,
  base: Preconditioner,
  parameter: ParameterInfo,
  scope: readonly GroupSettings[],
): StepForm {
  const { shape, rowsAre } = parameter
  return {
    base,
    matrix: matrixForm(viewFor(settings, base, parameter)),
    isOwnMatrix: matrixViewOf(base, shape, rowsAre).isMatrix,
    rows: rowsFor(base, rowsAre),
    metric: scope.some((one) => !isPlainBase(one)),
    decays: settings.weightDecay !== 0 && isDecayed(settings, parameter) ? settings.decayScaling : 'no',
    clips: settings.clipNorm !== undefined,
    clipsValue: settings.clipValue !== undefined,
    clipsUnits: unitRows(settings, base, parameter) ?? 'no',
    model: scope.some((one) => one.averagedModel),
    averages: averageKind(settings),
    looksAhead: settings.lookahead !== undefined,
  }
}

/** The extents of a parameter in its graph: those that its base sees or, where only its gradient's units need them, a matrix's. */
export function viewFor(
  settings: GroupSettings,
  base: Preconditioner,
  { shape, rowsAre }: ParameterInfo,
): MatrixView {
  const own = matrixViewOf(base, shape, rowsAre)
  const units = unitRows(settings, base, { shape, rowsAre })
  return units !== undefined && !own.isMatrix && shape.length >= 2 ? flattened(shape, units) : own
}

/** The meaning of a parameter's rows where its units are clipped. A kernel that its base has as a matrix keeps the base's. */
function unitRows(
  { adaptiveClip }: GroupSettings,
  base: Preconditioner,
  { shape, rowsAre }: Pick<ParameterInfo, 'shape'> & { readonly rowsAre?: MatrixRows | undefined },
): MatrixRows | undefined {
  if (adaptiveClip === undefined) return undefined
  if (shape.length > 2 && matrixViewOf(base, shape, rowsAre).isMatrix) return rowsFor(base, rowsAre)
  const { rows } = adaptiveClipOf(adaptiveClip)
  return rows === 'auto' ? (rowsAre ?? 'outputs') : rows
}

/** The form of a parameter in its graph: Muon transposes tall matrices. */
export function matrixForm({ isMatrix, rows, columns }: MatrixView): StepForm['matrix'] {
  if (!isMatrix) return 'any'
  return rows > columns ? 'tall' : 'wide'
}

function isDecayed({ decayMask }: GroupSettings, parameter: ParameterInfo): boolean {
  if (decayMask === 'all') return true
  if (decayMask === 'matrices') return parameter.shape.length >= 2
  return typeof decayMask === 'function' ? decayMask(parameter) : decayMask.includes(parameter.name)
}

/** The text on which the graphs of a parameter depend; `undefined` for a base that is not the core's own. */
export function textOfForm({ base, ...form }: StepForm): string | undefined {
  const structure = structureOf(base)
  return structure && `${structure} ${JSON.stringify(form)}`
}
