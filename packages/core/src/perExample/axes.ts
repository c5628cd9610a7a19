import { input, literal, type Expr } from '../graph/algebra.js'
import { followedFloor, embeddingInput, identity, type Embedding } from '../transformation/embedding.js'
import { elementType, type TypedArray } from '../dtype.js'
import { InducedMetricError, isList, optionError, shapeError, show, unsupported } from '../errors.js'
import { buildGraph } from '../graph/graph.js'
import { valueAt, type Scheduled } from '../transformation/hyperparameter.js'
import { checkKeys } from '../validation/keys.js'
import { checkInteger } from '../validation/range.js'
import { compileScalars } from '../graph/hostScalars.js'

/** PerExampleRows of a Jacobian: one array with all of it, row-major, or a block of columns for each parameter. */
export type PerExampleRows = TypedArray | readonly TypedArray[]

/**
 * What a step is told of its examples: the residuals r of a mean squared loss Σr²/2B, or each example's loss L. `examples`
 * is B where every example has several residuals; by default each row is one.
 */
export type PerExampleTargets =
  | { readonly residuals: ArrayLike<number>; readonly examples?: number }
  | { readonly losses: ArrayLike<number> }

/** The axes of one step: row i of J is `slopes[i]` times the given row i. */
export interface Axes {
  /** B. */
  readonly examples: number
  /** f′ by row, 1 for residuals. */
  readonly slopes: Float64Array
  /** u by row: Jᵀu is what is descended without the metric. */
  readonly weights: Float64Array
  /** By row, its share in the gradient of the mean loss, which is Jᵀ times these. */
  readonly shares: Float64Array
  /** The mean loss. */
  readonly loss: number
  /** Whether h is L, so that with ξ = 0 the step is the base's. */
  readonly descendsLoss: boolean
}

/** The largest system that a step solves; it has an equation per row, or per weight where there are fewer of those. */
const mostEquations = 512

/** Throws ERR_OPTION when both rows and weights are too many. */
export function checkSize(rows: number, weights: number): void {
  if (Math.min(rows, weights) <= mostEquations) return
  throw optionError(
    `perExample solves a system of one equation per row, or per weight where there are fewer, and takes at most ` +
      `${mostEquations}; given ${rows} rows and ${weights} weights: make the batch smaller, or use createOptimizer, whose ` +
      'metric has one axis for all examples',
  )
}

/**
 * Reads the targets of a step.
 *
 * @param step counted from 1, for a floor that is scheduled
 * @returns `undefined` when a loss is outside the embedding's domain and such a step is to be skipped
 */
export type AxisReader = (targets: PerExampleTargets, step: number) => Axes | undefined

/**
 * Prepares the reading of targets.
 *
 * @param given the embedding of losses, `identity()` by default; residuals have their own
 * @throws ERR_OPTION, ERR_SHAPE and, by `onBadLoss: 'throw'`, ERR_BAD_LOSS, when targets are read
 */
export function createAxisReader(
  given: Embedding | undefined,
  onBadLoss: 'throw' | 'skip' | 'zero',
): AxisReader {
  const readLosses = createLossReader(given ?? identity(), onBadLoss)
  return (targets, step) => {
    checkKeys('step', targets, ['residuals', 'losses', 'examples'])
    const { residuals, losses, examples } = targets as {
      -readonly [K in 'residuals' | 'losses']?: ArrayLike<number>
    } & { examples?: number }
    if ((residuals === undefined) === (losses === undefined))
      throw optionError('step takes either { residuals } or { losses }')
    if (residuals !== undefined) {
      if (given === undefined) return readResiduals(checkNumbers('residuals', residuals), examples)
      throw optionError(
        `residuals are embedded as they are: leave out the embedding ${given.name}, or give losses`,
      )
    }
    if (examples === undefined) return readLosses(checkNumbers('losses', losses!), step)
    throw optionError('examples goes with residuals, of which an example may have several; it has one loss')
  }
}

function createLossReader(embedding: Embedding, onBadLoss: 'throw' | 'skip' | 'zero') {
  const { definition, hyperparameters } = embedding
  if (followedFloor(embedding) !== undefined) {
    throw unsupported(
      `perExample: embedding: the floor of ${embedding.name} cannot follow losses, of which every example has its own; give a number`,
    )
  }
  const specs = Object.entries(definition.hyperparameters ?? {})
  const given = Object.fromEntries(specs.map(([key]) => [key, input(embeddingInput(key), 'scalar')]))
  const loss = input('loss', 'scalar')
  const asExpr = (x: Expr | number): Expr => (typeof x === 'number' ? literal(x) : x)
  const graph = buildGraph({
    slope: asExpr(definition.slope(loss, given)),
    descends: asExpr(definition.descends(loss, given)),
    domain: asExpr(definition.domain?.(loss, given) ?? 1),
  })
  const evaluate = compileScalars(graph, ['slope', 'descends', 'domain'])
  return (losses: ArrayLike<number>, step: number): Axes | undefined => {
    const axes = emptyAxes(losses.length, losses.length)
    const scalars: Record<string, number> = {}
    for (const [key, spec] of specs) {
      if (spec.kind !== 'number') continue
      const name = `${embedding.name}.${key}`
      scalars[embeddingInput(key)] = valueAt(name, hyperparameters[key] as Scheduled, spec, step)
    }
    for (let i = 0; i < losses.length; i++) {
      scalars['loss'] = losses[i]!
      const [slope, descent, domain] = evaluate(scalars) as unknown as [number, number, number]
      const isOutside = Number.isFinite(losses[i]!) && !(domain > 0)
      if (isOutside && onBadLoss === 'throw') throw badLoss(embedding, losses[i]!, i)
      if (isOutside && onBadLoss === 'skip') return undefined
      axes.slopes[i] = isOutside ? 0 : slope
      axes.weights[i] = isOutside ? 0 : descent / slope / losses.length
      axes.shares[i] = isOutside ? 0 : 1 / slope / losses.length
      axes.descendsLoss &&= descent === 1
      axes.loss += losses[i]! / losses.length
    }
    return axes
  }
}

function readResiduals(residuals: ArrayLike<number>, examples = residuals.length): Axes {
  checkInteger('examples', examples, { min: 1 })
  if (residuals.length % examples !== 0) {
    throw shapeError(
      `every example must have equally many residuals, given ${residuals.length} of ${examples} examples`,
    )
  }
  // f = r with r² = 2L: f′·∂L = ∂r, and h′/f′ = r. Unlike f = √(2L) it has no corner where r = 0.
  const axes = emptyAxes(residuals.length, examples)
  axes.slopes.fill(1)
  for (let i = 0; i < residuals.length; i++) {
    axes.weights[i] = axes.shares[i] = residuals[i]! / examples
    axes.loss += residuals[i]! ** 2 / 2 / examples
  }
  return axes
}

function emptyAxes(rows: number, examples: number): { -readonly [K in keyof Axes]: Axes[K] } {
  const [slopes, weights, shares] = [0, 0, 0].map(() => new Float64Array(rows)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  return { examples, slopes, weights, shares, loss: 0, descendsLoss: true }
}

function badLoss({ name, hyperparameters }: Embedding, loss: number, index: number): InducedMetricError {
  const advice = 'floor' in hyperparameters ? 'lower its floor, or ' : ''
  return new InducedMetricError(
    'ERR_BAD_LOSS',
    `the embedding ${name} cannot take the loss ${loss} of example ${index}; nothing was changed: ${advice}` +
      "set onBadLoss to 'skip' or 'zero'",
  )
}

function checkNumbers(name: string, value: ArrayLike<number>): ArrayLike<number> {
  const isNumbers =
    elementType(value) !== undefined ||
    (isList(value) && (value as readonly unknown[]).every((x) => typeof x === 'number'))
  if (!isNumbers) {
    throw optionError(`${name} must be an array of numbers, given ${show(value)}`)
  }
  if (value.length > 0) return value
  throw shapeError(`${name} must not be empty`)
}

/** Where a parameter's columns of the rows are. */
interface Panel {
  readonly array: TypedArray
  readonly start: number
  readonly stride: number
}

/**
 * Writes `slopes[i]` times row i into `jacobian`.
 *
 * @param sizes of the parameters, N their sum
 * @param jacobian rows × N, row-major
 * @throws ERR_SHAPE when the rows are not of that shape
 */
export function readRows(
  rows: PerExampleRows,
  sizes: readonly number[],
  slopes: Float64Array,
  jacobian: Float64Array,
): void {
  const count = slopes.length
  const width = sizes.reduce((total, size) => total + size, 0)
  let start = 0
  panelsOf(rows, sizes, count, width).forEach(({ array, start: first, stride }, parameter) => {
    const size = sizes[parameter]!
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < size; k++)
        jacobian[i * width + start + k] = slopes[i]! * array[first + i * stride + k]!
    }
    start += size
  })
}

function panelsOf(rows: PerExampleRows, sizes: readonly number[], count: number, width: number): Panel[] {
  const check = (what: string, array: unknown, length: number, shape: string): TypedArray => {
    if (elementType(array) === undefined) {
      throw shapeError(`${what} must be a Float32Array or Float64Array, given ${show(array)}`)
    }
    const given = array as TypedArray
    if (given.length === length) return given
    throw shapeError(`${what} must have ${length} elements (${shape}), given ${given.length}`)
  }
  if (!isList(rows)) {
    const array = check('rows', rows, count * width, `${count} rows × ${width} weights`)
    let start = 0
    return sizes.map((size) => {
      start += size
      return { array, start: start - size, stride: width }
    })
  }
  const blocks = rows as readonly TypedArray[]
  if (blocks.length !== sizes.length) {
    throw shapeError(
      `rows must be one array, or a block for each of the ${sizes.length} parameters, given ${blocks.length} blocks`,
    )
  }
  return sizes.map((size, i) => {
    const array = check(`block ${i} of rows`, blocks[i], count * size, `${count} rows × ${size} weights`)
    return { array, start: 0, stride: size }
  })
}
