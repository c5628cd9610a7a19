import {
  createOptimizer,
  InducedMetricError,
  planStep,
  sizeOf,
  type Checkpoint,
  type Optimizer,
  type OptimizerOptions,
  type Parameter,
  type ParameterInfo,
  type Transformation,
  type TypedArray,
} from '@induced-metric/core'
import { isElementwise, joinCheckpoint, joinedName, splitCheckpoint } from './elementwise.js'
import type { Tensor } from './tensor.js'

/** A network's tensors on the memory of an optimiser: the network computes with what the optimiser updates. */
export interface Seat {
  readonly optimizer: Optimizer
  /** Whether all tensors are one parameter of it, so that none can be left alone. */
  readonly isJoined: boolean
  /** An array per tensor to write its gradient into. */
  readonly gradients: readonly Float32Array[]
  /** Takes a step. The arrays of `gradients` are worked on where they are, others copied; `null` leaves a tensor alone. */
  step(gradients: readonly (TypedArray | null)[], loss: number | undefined): void
  /**
   * Looks after the places where the network has arrays of its own: takes their values over and puts the optimiser's
   * arrays there.
   *
   * @returns how many there were: none, some or all
   */
  settle(): 'none' | 'some' | 'all'
  save(): Checkpoint
  /** Whether the checkpoint could be loaded into this seat; if not, it takes one that keeps tensors apart. */
  load(checkpoint: Checkpoint | Uint8Array): boolean
  /** Gives the network arrays of its own again. */
  release(): void
}

/** How a seat is made. */
export interface SeatOptions {
  /** Whether every tensor gets a parameter of its own even where the transformation could take all as one. */
  readonly apart?: boolean
  /** For the core's `createOptimizer`. */
  readonly optimizer?: OptimizerOptions
}

/**
 * Moves a network's tensors to the memory of an optimiser made for them.
 *
 * @throws ERR_NOT_SUPPORTED for a tensor that is not in single precision; what `createOptimizer` throws. The network is
 *   then as before.
 */
export function createSeat(
  transformation: Transformation,
  tensors: readonly Tensor[],
  { apart = false, optimizer: optimizerOptions = { adopt: true } }: SeatOptions = {},
): Seat {
  const infos = tensors.map(({ name, shape, group }): ParameterInfo => ({
    name,
    shape,
    ...(group !== undefined && { group }),
  }))
  const sizes = infos.map(({ shape }) => sizeOf(shape))
  const starts = sizes.map((_, index) => sizes.slice(0, index).reduce((total, size) => total + size, 0))
  const values = tensors.map(collect)
  const isJoined = !apart && isElementwise(transformation)
  // As one they would not be checked one by one.
  if (isJoined) planStep(transformation, infos)
  const optimizer = createOptimizer(
    transformation,
    isJoined
      ? [joinParameters(values)]
      : infos.map((info, index): Parameter => ({ ...info, data: values[index]! })),
    optimizerOptions,
  )

  const viewsOf = (parameters: Optimizer['parameters']): Float32Array[] => {
    if (!isJoined) return parameters.map(({ data }) => data as Float32Array)
    const whole = parameters[0]!.data as Float32Array
    return starts.map((start, index) => whole.subarray(start, start + sizes[index]!))
  }
  let buffer: ArrayBufferLike | undefined
  let rows: Float32Array[][] = []
  let gradients: Float32Array[]
  let stepGradients: readonly Float32Array[]
  /** Hands out views of the optimiser's memory, which are others after it has grown; in place of the old ones only. */
  const issue = (): void => {
    const current = optimizer.parameters[0]!.data.buffer
    if (current === buffer) return
    buffer = current
    const before = rows
    const whole = viewsOf(optimizer.parameters)
    gradients = viewsOf(optimizer.gradients)
    stepGradients = isJoined ? [optimizer.gradients[0]!.data as Float32Array] : gradients
    rows = tensors.map((tensor, index) => rowsOf(whole[index]!, tensor.rows))
    tensors.forEach((tensor, index) => {
      rows[index]!.forEach((row, i) => {
        const old = before[index]?.[i]
        if (old === undefined || tensor.get(i) === old) tensor.set(i, row)
      })
      tensor.setGradient?.(gradients[index]!)
    })
  }
  issue()

  /** Puts gradients that lie elsewhere where a joined step reads them. */
  const gather = (given: readonly (TypedArray | null)[]): void => {
    for (let index = 0; index < tensors.length; index++) {
      const gradient = given[index]!
      const place = gradients[index]!
      if (gradient === place) continue
      if (!(gradient instanceof Float32Array) || gradient.length !== place.length) {
        throw new InducedMetricError(
          'ERR_SHAPE',
          `the gradient of ${tensors[index]!.name} must be a Float32Array of ${place.length} elements`,
        )
      }
      place.set(gradient)
    }
  }

  return {
    optimizer,
    isJoined,
    get gradients() {
      return gradients
    },
    step(given, loss) {
      if (isJoined && given !== gradients) gather(given)
      optimizer.step(isJoined ? stepGradients : given, loss === undefined ? {} : { loss })
      issue()
    },
    settle() {
      issue()
      let foreign = 0
      let total = 0
      for (let index = 0; index < tensors.length; index++) {
        const tensor = tensors[index]!
        const own = rows[index]!
        total += own.length
        for (let row = 0; row < own.length; row++) if (tensor.get(row) !== own[row]) foreign++
      }
      if (foreign === 0) return 'none'
      if (foreign === total) return 'all'
      tensors.forEach((tensor, index) => {
        rows[index]!.forEach((view, row) => {
          const array = tensor.get(row)
          if (array === view) return
          checkRow(tensor, array, view.length)
          view.set(array)
          tensor.set(row, view)
        })
      })
      return 'some'
    },
    save() {
      const checkpoint = optimizer.save()
      return isJoined ? splitCheckpoint(checkpoint, infos) : checkpoint
    },
    load(given) {
      if (!isJoined) {
        optimizer.load(given)
        return true
      }
      const joined = joinCheckpoint(given, infos, Object.keys(optimizer.slots[0]!))
      if (joined) optimizer.load(joined)
      return joined !== undefined
    },
    release() {
      tensors.forEach((tensor, index) => {
        rows[index]!.forEach((view, row) => {
          if (tensor.get(row) === view) tensor.set(row, view.slice())
        })
        tensor.setGradient?.(gradients[index]!.slice())
      })
      optimizer.dispose()
    },
  }
}

function joinParameters(values: readonly Float32Array[]): Parameter {
  const size = values.reduce((total, { length }) => total + length, 0)
  const data = new Float32Array(size)
  let start = 0
  for (const array of values) {
    data.set(array, start)
    start += array.length
  }
  return { name: joinedName, shape: [size], data }
}

/** A tensor's values, in one array. */
function collect(tensor: Tensor): Float32Array {
  const size = sizeOf(tensor.shape)
  const data = new Float32Array(size)
  const width = size / Math.max(tensor.rows, 1)
  for (let row = 0; row < tensor.rows; row++) {
    const array = tensor.get(row)
    checkRow(tensor, array, width)
    data.set(array, row * width)
  }
  return data
}

function checkRow(
  { name, shape }: Tensor,
  array: unknown,
  width: number,
): asserts array is ArrayLike<number> {
  const single = array instanceof Float32Array || Array.isArray(array)
  if (!single) {
    throw new InducedMetricError(
      'ERR_NOT_SUPPORTED',
      `the weights of ${name} must be in arrays of single precision in this process's memory: networks on a GPU, or ` +
        'with weights of another type, cannot be trained by this adapter',
    )
  }
  if (array.length === width) return
  throw new InducedMetricError(
    'ERR_SHAPE',
    `the weights of ${name}, of shape [${shape.join(', ')}], must come in arrays of ${width} numbers, found ${array.length}`,
  )
}

function rowsOf(whole: Float32Array, count: number): Float32Array[] {
  if (count === 1) return [whole]
  const width = whole.length / count
  return Array.from({ length: count }, (_, row) => whole.subarray(row * width, (row + 1) * width))
}
