import { fail, show } from './compare.js'
import type { TypedArray } from './target.js'

type Awaitable<T> = T | Promise<T>

/** A trainable parameter, as the adapter gives it to the core. */
export interface GradientParameter {
  readonly name: string
  readonly shape: readonly number[]
  /** The framework's own array, or a copy of its values if the model has `write`. */
  readonly data: TypedArray
}

/** What the framework asks an optimiser for at the end of a training step. */
export interface GradientUpdate {
  /** The reported loss. */
  readonly loss: number | undefined
  /** ∂L/∂θ of each parameter, in their order; `null` where there is none. Copies, if the framework reuses its arrays. */
  readonly gradients: readonly (ArrayLike<number> | null)[]
}

/** A model of the framework, whose gradients are checked. */
export interface GradientModel {
  /** The trainable parameters, always in the same order. */
  parameters(): Awaitable<readonly GradientParameter[]>
  /** Sets the values of the parameter of that index, where `data` is a copy. Otherwise `data` is written to. */
  write?(index: number, values: TypedArray): Awaitable<void>
  /**
   * Trains on the first examples of a fixed data set as one batch, as a user would, but with an update that only records: the
   * weights stay as they are.
   *
   * @returns every update that the framework asked for, which must be one
   */
  train(examples: number): Awaitable<readonly GradientUpdate[]>
}

/** The options of {@link checkGradients}. */
export interface GradientOptions {
  /** All that the model trains: shapes by name. A parameter that the adapter leaves out, or whose shape is another one, fails. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** The names of frozen parameters, whose gradients must be `null`. */
  readonly frozen?: readonly string[]
  /** The sizes of the batches (default 1 and 3). */
  readonly batches?: readonly number[]
  /** The step of the finite differences (default 1/64 for Float32Array and 1/1024 for Float64Array). */
  readonly step?: number
  /** The error allowed, relative to the largest gradient of the batch (default 5e-3 and 1e-6). */
  readonly tolerance?: number
  /** The number of elements that are checked of each parameter, spread over it (default 12). */
  readonly elements?: number
}

/**
 * Checks the half of an adapter that the conformance suite does not see: that the gradients and the loss which it takes from
 * the framework belong together. It compares each gradient with differences of the reported loss, (8(L(h) − L(−h)) −
 * (L(2h) − L(−2h)))/12h, for batches of one and of several examples. It finds parameters that are left out, a sum in place of a
 * mean, a loss of another batch or without a factor, gradients that are not cleared, an update for every example, a transposed shape,
 * and zeros for a frozen parameter.
 *
 * @throws ConformanceFailure with the parameter, the element and both numbers
 *
 * @example
 * ```ts
 * import { checkGradients } from '@induced-metric/conformance'
 *
 * // L = mean of (w·x − y)², differentiated by hand.
 * const w = Float64Array.of(0.5)
 * const points = [[1, 2], [2, -1], [3, 0]] as const
 * await checkGradients(
 *   {
 *     parameters: () => [{ name: 'w', shape: [1], data: w }],
 *     train(examples) {
 *       let [loss, gradient] = [0, 0]
 *       for (const [x, y] of points.slice(0, examples)) {
 *         const error = w[0]! * x - y
 *         loss += error ** 2 / examples
 *         gradient += (2 * error * x) / examples
 *       }
 *       return [{ loss, gradients: [[gradient]] }]
 *     },
 *   },
 *   { shapes: { w: [1] } },
 * )
 * ```
 */
export async function checkGradients(model: GradientModel, options: GradientOptions): Promise<void> {
  checkShapes(await model.parameters(), options.shapes)
  for (const examples of options.batches ?? [1, 3]) await checkBatch(model, examples, options)
}

function checkShapes(parameters: readonly GradientParameter[], shapes: GradientOptions['shapes']): void {
  const names = parameters.map(({ name }) => name)
  const missing = Object.keys(shapes).filter((name) => !names.includes(name))
  if (missing.length > 0) fail(`the adapter leaves out ${missing.join(', ')}; it has ${names.join(', ')}`)
  for (const { name, shape, data } of parameters) {
    const expected = Object.hasOwn(shapes, name) ? shapes[name]! : undefined
    if (expected === undefined) fail(`\`shapes\` has no parameter ${name}`)
    const [given, wanted] = [shape, expected].map((axes) => `[${axes.join(', ')}]`)
    if (given !== wanted) fail(`parameter ${name} has the shape ${given}, expected ${wanted}`)
    const size = shape.reduce((product, n) => product * n, 1)
    if (data.length !== size) fail(`parameter ${name} of shape ${given} has ${data.length} elements`)
  }
}

async function checkBatch(model: GradientModel, examples: number, options: GradientOptions): Promise<void> {
  const { frozen = [], elements = 12 } = options
  const parameters = await model.parameters()
  const isSingle = parameters.some(({ data }) => data instanceof Float32Array)
  const { step = isSingle ? 1 / 64 : 1 / 1024, tolerance = isSingle ? 5e-3 : 1e-6 } = options
  const where = `a batch of ${examples}`
  const { gradients, loss } = await updateOf(model, examples, where)
  const again = await updateOf(model, examples, where)
  const largest = Math.max(...gradients.flatMap((g) => (g === null ? [] : Array.from(g, Math.abs))))
  if (!(largest > 0)) fail(`${where}: all gradients are 0 or NaN: take other weights, or other examples`)

  for (const [index, { name, data }] of parameters.entries()) {
    const gradient = gradients[index] ?? null
    if (frozen.includes(name) !== (gradient === null)) {
      fail(
        frozen.includes(name)
          ? `${where}: parameter ${name} is frozen, and must have null for a gradient`
          : `${where}: parameter ${name} has no gradient, and is not in \`frozen\``,
      )
    }
    if (gradient === null) continue
    if (gradient.length !== data.length)
      fail(`${where}: parameter ${name} has ${data.length} elements, and its gradient ${gradient.length}`)
    const repeated = again.gradients[index]!
    for (const element of spread(data.length, elements)) {
      const place = `${where}, parameter ${name}, element ${element}`
      if (!isNear(gradient[element]!, repeated[element]!, tolerance * largest)) {
        fail(
          `${place}: the same batch gives ${show(repeated[element]!)} the second time, and gave ` +
            `${show(gradient[element]!)} before: are gradients cleared after a step?`,
        )
      }
      const slope = await slopeAt(model, index, element, step, async () => {
        return (await updateOf(model, examples, where)).loss
      })
      if (!isNear(gradient[element]!, slope, tolerance * largest))
        fail(`${place}: ${mismatch(gradient[element]!, slope, examples)} (the loss is ${show(loss)})`)
    }
  }
}

function isNear(a: number, b: number, allowed: number): boolean {
  return Math.abs(a - b) <= allowed
}

/** At most that many indices of an array, the first and the last among them. */
function spread(length: number, most: number): number[] {
  const count = Math.min(length, most)
  return Array.from({ length: count }, (_, i) =>
    count === 1 ? 0 : Math.round((i * (length - 1)) / (count - 1)),
  )
}

/** The update of a batch, of which there must be one, with a loss. */
async function updateOf(
  model: GradientModel,
  examples: number,
  where: string,
): Promise<{ readonly loss: number; readonly gradients: GradientUpdate['gradients'] }> {
  const updates = await model.train(examples)
  const [first] = updates
  if (first === undefined || updates.length > 1)
    fail(`${where}: the framework asked for ${updates.length} updates, expected one for the whole batch`)
  const { loss, gradients } = first
  if (loss === undefined || !Number.isFinite(loss))
    fail(`${where}: the loss is ${String(loss)}; without it, gradients cannot be checked`)
  return { loss, gradients }
}

/** ∂L/∂θ of one element by differences of the loss, to the fourth order. The element gets its value back. */
async function slopeAt(
  model: GradientModel,
  index: number,
  element: number,
  step: number,
  lossOf: () => Promise<number>,
): Promise<number> {
  const { data } = (await model.parameters())[index]!
  const before = data.slice()
  const at = async (distance: number): Promise<number> => {
    const values = before.slice()
    values[element] = before[element]! + distance
    await put(model, index, data, values)
    return lossOf()
  }
  try {
    const [far, near] = [(await at(2 * step)) - (await at(-2 * step)), (await at(step)) - (await at(-step))]
    return (8 * near - far) / (12 * step)
  } finally {
    await put(model, index, data, before)
  }
}

async function put(model: GradientModel, index: number, data: TypedArray, values: TypedArray): Promise<void> {
  if (model.write === undefined) data.set(values)
  else await model.write(index, values)
}

/** Both numbers, and the likely reason where their ratio shows one. */
function mismatch(gradient: number, slope: number, examples: number): string {
  const ratio = gradient / slope
  const is = (factor: number): boolean => Math.abs(ratio / factor - 1) < 0.02
  const reasons: readonly (readonly [boolean, string])[] = [
    [examples > 1 && is(examples), 'the gradient is a sum over the batch, and the loss a mean'],
    [examples > 1 && is(1 / examples), 'the gradient is a mean over the batch, and the loss a sum'],
    [is(-1), 'its sign is wrong'],
    [is(2) || is(0.5), 'a factor of 2, as of squares without their ½'],
  ]
  const reason = reasons.find(([holds]) => holds)?.[1]
  const numbers = `the gradient is ${show(gradient)}, and the loss changes by ${show(slope)}`
  return reason === undefined ? numbers : `${numbers}: ${reason}`
}
