/** Numbers as brain.js keeps them: a typed array, or a plain array in a network that was read from JSON. */
export type Numbers = Float32Array | number[]

/** The members of a `NeuralNetwork` or `NeuralNetworkGPU` that the adapter uses, in either version of brain.js. */
export interface DenseNetwork {
  sizes: number[] | null
  outputLayer: number | null
  /** By layer from 1, then by node: the weights of its inputs. */
  weights: Numbers[][] | null
  /** By layer from 1. */
  biases: Numbers[] | null
  outputs: Numbers[]
  /** −∂L/∂z by layer, z being the weighted sums; L = ½ Σ errors² of the last layer. */
  deltas: Numbers[]
  errors: Numbers[]
  trainOpts: { readonly praxis?: string | null; readonly activation?: string }
  /** 1.6.1 keeps these on the network itself. */
  activation?: string
  leakyReluAlpha?: number
  runInput: ((input: Numbers) => Numbers) | null
  calculateDeltas: ((target: Numbers) => void) | null
  adjustWeights: () => void
  calculateTrainingError: (data: readonly unknown[]) => number
  trainPatterns: (data: readonly unknown[]) => void
  trainPattern: (value: unknown, logErrorRate?: boolean) => unknown
  prepTraining: (data: unknown, options?: unknown) => PreparedTraining
  trainingTick: (data: readonly unknown[], status: TrainingStatus, endTime: number) => boolean
  trainAsync: (data: unknown, options?: unknown) => Promise<TrainingStatus>
  addFormat: (data: unknown) => void
  _adjustWeightsAdam: () => void
  _calculateDeltasLeakyRelu: (target: Numbers) => void
  /** Of `NeuralNetworkGPU`. In version 2 a property says where gpu.js computes, in version 1 a method. */
  gpu?: { readonly mode?: string; readonly getMode?: () => string }
  /** Of `NeuralNetworkGPU` in 1.6.1: copies that its own update reads in place of the weights. */
  weightsCopies?: unknown[]
  biasCopies?: unknown[]
  changesCopies?: unknown[]
}

/** The progress of a training. */
export interface TrainingStatus {
  error: number
  iterations: number
}

/** The result of `prepTraining`. 1.6.1 names its data `data`, 2.x `preparedData`. */
export interface PreparedTraining {
  readonly data?: readonly unknown[]
  readonly preparedData?: readonly unknown[]
  readonly status: TrainingStatus
  readonly endTime: number
}

/** A layer of a `FeedForward` network. */
export interface Layer {
  readonly settings: { readonly id?: string }
  readonly width: number
  readonly height: number
  readonly weights: Numbers[]
  /** +∂L/∂weights, summed since the weights were last assigned. */
  readonly deltas: Numbers[]
  readonly errors?: Numbers[]
  readonly predictKernel?: unknown
  compareKernel?: ((outputs: readonly Numbers[], target: Numbers) => Numbers[]) | null | undefined
}

/** The members of a `FeedForward` network (2.x) that the adapter uses. */
export interface LayeredNetwork {
  layers: Layer[] | null
  /** The layers that are trained. */
  _model: Layer[] | null
  _outputLayer: Layer | null
  _calculateDeltas: (target: Numbers) => void
  adjustWeights: () => void
  _calculateTrainingError: (data: readonly unknown[]) => number
  _trainPatterns: (data: readonly unknown[]) => void
  _prepTraining: (data: unknown, options?: unknown) => PreparedTraining
  _trainingTick: (
    status: TrainingStatus,
    endTime: number,
    calculateError: () => number,
    trainPatterns: () => void,
  ) => boolean
  trainAsync: (data: unknown, options?: unknown) => Promise<TrainingStatus>
}

/** A matrix of a recurrent network. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  weights: Numbers
  /** +∂L/∂weights. */
  deltas: Numbers
}

/** One operation of an equation. */
export interface EquationState {
  readonly product?: Matrix
  readonly left?: Matrix
  /** For the operation that picks a row, its index. */
  readonly right?: Matrix | number
  readonly forwardFn: (...operands: never[]) => void
}

/** The computation of a recurrent network at one place of a sequence. */
export interface Equation {
  readonly states: EquationState[]
  add(left: Matrix, right: Matrix): Matrix
  multiply(left: Matrix, right: Matrix): Matrix
  multiplyElement(left: Matrix, right: Matrix): Matrix
  cloneNegative(matrix: Matrix): Matrix
  relu(matrix: Matrix): Matrix
  sigmoid(matrix: Matrix): Matrix
  tanh(matrix: Matrix): Matrix
  inputMatrixToRow(matrix: Matrix): Matrix
}

/** A sequence to train on: tokens, values, or values in two parts. */
export type Sequence =
  | ArrayLike<unknown>
  | { readonly input: ArrayLike<unknown>; readonly output: ArrayLike<unknown> }

/** The members of a recurrent network that the adapter uses, in either version of brain.js. */
export interface RecurrentNetwork {
  model: {
    readonly isInitialized?: boolean
    /** The embedding of tokens; the time-step classes have none. */
    readonly input?: Matrix
    readonly hiddenLayers: readonly Readonly<Record<string, Matrix>>[]
    readonly outputConnector: Matrix
    readonly output: Matrix
    readonly equations: Equation[]
    readonly allMatrices: readonly Matrix[]
  } | null
  initialLayerInputs: readonly Matrix[]
  backpropagate: (input?: Sequence) => void
  adjustWeights: () => void
  trainPattern: (input: Sequence, logErrorRate?: boolean) => unknown
  train: (data: ArrayLike<unknown>, options?: unknown) => unknown
  formatData: (data: unknown) => ArrayLike<unknown>
  /** Of the time-step classes. */
  forecast?: unknown
}
