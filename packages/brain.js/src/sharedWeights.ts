import {
  createOptimizer,
  InducedMetricError,
  type Optimizer,
  type OptimizerOptions,
  type Parameter,
  type Transformation,
  type TypedArray,
} from '@induced-metric/core'
import { sizeOf } from '@induced-metric/core/adapter'
import type { Tensor } from './parameter.js'

/** A network's tensors on the memory of an optimiser: the network computes with what the optimiser updates. */
export interface Seat {
  readonly optimizer: Optimizer
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
  /** Gives the network arrays of its own again. */
  release(): void
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
  options: OptimizerOptions = { adopt: true },
): Seat {
  const optimizer = createOptimizer(
    transformation,
    tensors.map((tensor): Parameter => {
      const { name, shape, group } = tensor
      return { name, shape, data: collect(tensor), ...(group !== undefined && { group }) }
    }),
    options,
  )
  const viewsOf = (parameters: Optimizer['parameters']): Float32Array[] =>
    parameters.map(({ data }) => data as Float32Array)

  let rows: Float32Array[][] = []
  /** Hands out views of the optimiser's memory, which are others after it has grown; in place of the old ones only. */
  const issue = (): void => {
    const before = rows
    const whole = viewsOf(optimizer.parameters)
    seat.gradients = viewsOf(optimizer.gradients)
    rows = tensors.map((tensor, index) => rowsOf(whole[index]!, tensor.rows))
    tensors.forEach((tensor, index) => {
      rows[index]!.forEach((row, i) => {
        const old = before[index]?.[i]
        if (old === undefined || tensor.get(i) === old) tensor.set(i, row)
      })
      tensor.setGradient?.(seat.gradients[index]!)
    })
  }
  const largest = tensors.reduce(
    (most, { shape }, i) => (sizeOf(shape) > sizeOf(tensors[most]!.shape) ? i : most),
    0,
  )
  const isEmpty = sizeOf(tensors[largest]!.shape) === 0
  /** A view of a memory that has grown has no elements any more. */
  const follow = (): void => {
    if (seat.gradients[largest]!.length === 0 && !isEmpty) issue()
  }

  // No accessor, as V8 keeps a literal that has one as a table, which would be looked into several times a pattern.
  const seat: { -readonly [K in keyof Seat]: Seat[K] } = {
    optimizer,
    gradients: [],
    step(given, loss) {
      optimizer.step(given, loss === undefined ? {} : { loss })
      follow()
    },
    settle() {
      follow()
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
    release() {
      tensors.forEach((tensor, index) => {
        rows[index]!.forEach((view, row) => {
          if (tensor.get(row) === view) tensor.set(row, view.slice())
        })
        tensor.setGradient?.(seat.gradients[index]!.slice())
      })
      optimizer.dispose()
    },
  }
  issue()
  return seat
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
