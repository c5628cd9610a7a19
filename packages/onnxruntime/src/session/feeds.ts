import { optionError, shapeError } from '@induced-metric/core/adapter'
import { own, typeOf } from '@induced-metric/onnx/adapter'
import type { Extent, OrtTensor, OrtValues } from '@induced-metric/onnx'
import { elementTypeOf, type Model } from '@induced-metric/onnx/proto'

/** An input of a model, as the model declares it. */
export interface ModelInput {
  readonly name: string
  readonly dataType: number | undefined
  readonly shape: readonly Extent[] | undefined
}

/** The inputs of a model that have no default. */
export function modelInputs({ graph }: Model): ModelInput[] {
  const defaults = new Set(graph.initializer.map(({ name }) => name))
  return graph.input
    .filter(({ name }) => !defaults.has(name))
    .map((input): ModelInput => {
      const { dataType, shape } = typeOf(input)
      return { name: input.name, dataType, shape }
    })
}

/**
 * Checks that there is something to train on.
 *
 * @throws ERR_SHAPE for an input without elements, for which the mean loss and the gradients would be NaN; unless the
 *   model itself declares it so
 */
export function checkNotEmpty(method: string, feeds: OrtValues, inputs: readonly ModelInput[]): void {
  for (const { name, shape } of inputs) {
    const { dims } = own(feeds, name)!
    if (dims.every((extent, axis) => extent !== 0 || shape?.[axis] === 0)) continue
    throw shapeError(
      `${method}: the input ${JSON.stringify(name)} has dims [${dims.join(', ')}], and a step needs at least one example`,
    )
  }
}

/**
 * Checks the feeds of a model.
 *
 * @param unread inputs that may be fed, although the model does not read them
 * @throws ERR_OPTION for an input that is missing, unknown or disposed of; ERR_SHAPE for one of another type or shape, or
 *   for inputs that disagree in an extent of one name
 */
export function checkFeeds(
  method: string,
  feeds: OrtValues,
  inputs: readonly ModelInput[],
  unread: ReadonlySet<string>,
): void {
  const list = inputs.map(({ name }) => name).join(', ')
  if (typeof feeds !== 'object' || feeds === null) {
    throw optionError(`${method} takes { name: tensor } for the inputs ${list}`)
  }
  for (const { name, dataType, shape } of inputs) {
    const feed = own(feeds, name)
    if (feed === undefined || feed === null) {
      throw optionError(`${method}: the input ${JSON.stringify(name)} is missing; inputs are ${list}`)
    }
    if (!Array.isArray(feed.dims) || typeof feed.type !== 'string') {
      throw optionError(`${method}: the input ${JSON.stringify(name)} must be a tensor of the runtime`)
    }
    if (feed.location === 'none') {
      throw optionError(
        `${method}: the input ${JSON.stringify(name)} was disposed of; give a tensor that has its data`,
      )
    }
    const type = dataType === undefined ? feed.type : elementTypeOf(dataType).name
    if (feed.type !== type) {
      throw shapeError(
        `${method}: the input ${JSON.stringify(name)} must be a tensor of ${type}, given ${feed.type}`,
      )
    }
    const { dims } = feed
    const fits =
      shape === undefined ||
      (shape.length === dims.length &&
        shape.every((extent, i) => typeof extent !== 'number' || extent === dims[i]))
    if (!fits) {
      const wanted = shape.map((extent) => extent ?? '?').join(', ')
      const isFixed = shape.length === dims.length
      throw shapeError(
        `${method}: the input ${JSON.stringify(name)} must have dims [${wanted}], given [${dims.join(', ')}]` +
          (isFixed ? '; generateArtifacts frees a fixed axis with the option inputs' : ''),
      )
    }
  }
  checkSymbols(method, feeds, inputs)
  const names = new Set(inputs.map(({ name }) => name))
  const unknown = Object.keys(feeds).find((name) => !names.has(name) && !unread.has(name))
  if (unknown !== undefined) {
    throw optionError(`${method}: there is no input ${JSON.stringify(unknown)}; inputs are ${list}`)
  }
}

/** What exporters write for an extent of which they know nothing. It names none. */
const unnamed: ReadonlySet<string> = new Set(['?', '*', 'None', '-1'])

/**
 * Checks that extents of one name are equal. The runtime does not: it would broadcast one target over all examples, and
 * leave examples beyond the labels out.
 */
function checkSymbols(method: string, feeds: OrtValues, inputs: readonly ModelInput[]): void {
  const seen = new Map<string, { readonly name: string; readonly axis: number }>()
  for (const { name, shape = [] } of inputs) {
    for (const [axis, symbol] of shape.entries()) {
      if (typeof symbol !== 'string' || unnamed.has(symbol)) continue
      const first = seen.get(symbol) ?? { name, axis }
      seen.set(symbol, first)
      const [{ dims: expected }, { dims }] = [own(feeds, first.name)!, own(feeds, name)!]
      if (dims[axis] === expected[first.axis]) continue
      throw shapeError(
        `${method}: the inputs must have the same ${symbol}, and it is ${expected[first.axis]} in ` +
          `${JSON.stringify(first.name)} [${expected.join(', ')}], ${dims[axis]} in ${JSON.stringify(name)} [${dims.join(', ')}]`,
      )
    }
  }
}

/** The values that a model is run with: the caller's feeds, and the parameters among its inputs. */
export function feedsOf(
  inputs: readonly ModelInput[],
  feeds: OrtValues,
  parameters: OrtValues,
): Record<string, OrtTensor> {
  return Object.fromEntries(inputs.map(({ name }) => [name, own(feeds, name) ?? parameters[name]!]))
}
