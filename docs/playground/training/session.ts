import { loadParts } from '../parts.js'
import type { Settings } from '../settings.js'
import { createBeside, createTransformation } from '../transformation.js'
import type { Examples, Network } from './network.js'
import { decisionSize } from './decision.js'
import { principalPlane, viewOf } from './slice.js'
import { createTask, type TaskId, type TrainingTask } from './tasks.js'
import { Trainer, type Mark, type SavedTraining } from './trainer.js'

/** Both trainings, with the way of the first, to go on from. */
export interface SavedSession {
  readonly induced: SavedTraining
  readonly beside: SavedTraining
  readonly iterates: readonly Float64Array[]
  readonly stride: number
}

/** Both trainings at the same step. */
export interface Progress {
  readonly induced: Mark
  readonly beside: Mark
  /** The probability of the second class on a square grid over [−1.1, 1.1]², for inputs of two numbers. */
  readonly decision: Float32Array | undefined
}

/** The loss in the plane of the way's principal axes. */
export interface Slice {
  readonly columns: number
  readonly rows: number
  readonly view: readonly [number, number, number, number]
  /** The loss over the training data, row after row from the bottom. */
  readonly losses: Float64Array
  readonly path: Float64Array
}

/** So many iterates are kept at most: every second one is dropped when there are more. */
const mostIterates = 80

/** A training with the metric, and the one beside it on the same batches. */
export class TrainingSession {
  readonly #task: TrainingTask
  readonly #induced: Trainer
  readonly #beside: Trainer
  #iterates: Float64Array[] = []
  #stride = 1

  constructor(task: TrainingTask, settings: Settings, saved?: SavedSession) {
    this.#task = task
    this.#induced = new Trainer(task, createTransformation(settings))
    this.#beside = new Trainer(task, createBeside(settings))
    if (!saved) {
      this.#iterates.push(this.#induced.weights())
      return
    }
    this.#induced.load(saved.induced)
    this.#beside.load(saved.beside)
    this.#iterates = [...saved.iterates]
    this.#stride = saved.stride
  }

  static async create(id: TaskId, settings: Settings, saved?: SavedSession): Promise<TrainingSession> {
    await loadParts(settings)
    return new TrainingSession(await createTask(id), settings, saved)
  }

  get step(): number {
    return this.#induced.step
  }

  /** Takes a step of each. */
  train(): void {
    this.#induced.train()
    this.#beside.train()
    if (this.step % this.#stride !== 0) return
    this.#iterates.push(this.#induced.weights())
    if (this.#iterates.length <= mostIterates) return
    this.#iterates = this.#iterates.filter((_, i) => i % 2 === 0)
    this.#stride *= 2
  }

  progress(): Progress {
    return {
      induced: this.#induced.mark(),
      beside: this.#beside.mark(),
      decision: this.#task.train.width === 2 ? decisionsOf(this.#induced.network) : undefined,
    }
  }

  /** The loss around the way so far. */
  slice(): Slice {
    const { origin, axes, path } = principalPlane([...this.#iterates, this.#induced.weights()])
    const view = viewOf(path)
    const [columns, rows] = [41, 31]
    const losses = new Float64Array(columns * rows)
    const examples = part(this.#task.train)
    for (let row = 0; row < rows; row++) {
      const b = view[1] + ((view[3] - view[1]) * row) / (rows - 1)
      const networks = Array.from({ length: columns }, (_, column) => {
        const a = view[0] + ((view[2] - view[0]) * column) / (columns - 1)
        return this.#induced.layersWith(origin.map((x, i) => x + a * axes[0][i]! + b * axes[1][i]!))
      })
      losses.set(this.#induced.network.lossesWith(networks, examples), row * columns)
    }
    return { columns, rows, view, losses, path }
  }

  save(): SavedSession {
    return {
      induced: this.#induced.save(),
      beside: this.#beside.save(),
      iterates: this.#iterates,
      stride: this.#stride,
    }
  }

  dispose(): void {
    this.#induced.dispose()
    this.#beside.dispose()
  }
}

/** The examples that the slice is computed over: all of a few. */
function part({ width, inputs, labels }: Examples): Examples {
  const count = Math.min(labels.length, 240)
  return { width, inputs: inputs.subarray(0, count * width), labels: labels.subarray(0, count) }
}

/** The points on a square grid over [−1.1, 1.1]², row after row from the bottom. */
const decisionPoints = Float32Array.from({ length: 2 * decisionSize ** 2 }, (_, at) => {
  const cell = at >> 1
  const place = at % 2 === 0 ? cell % decisionSize : Math.floor(cell / decisionSize)
  return 2.2 * (place / (decisionSize - 1) - 0.5)
})

function decisionsOf(network: Network): Float32Array {
  const scores = network.forward(decisionPoints)
  return Float32Array.from(
    { length: decisionSize ** 2 },
    (_, cell) => 1 / (1 + Math.exp(scores[2 * cell]! - scores[2 * cell + 1]!)),
  )
}
