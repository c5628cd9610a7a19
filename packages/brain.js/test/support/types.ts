/** What the tests touch of brain.js, in either version. */
export interface Status {
  readonly error: number
  readonly iterations: number
}

export interface Pattern {
  readonly input: unknown
  readonly output: unknown
}

export interface TrainOptions {
  readonly iterations?: number
  readonly errorThresh?: number
  readonly log?: boolean | ((...given: unknown[]) => void)
  readonly logPeriod?: number
  readonly callback?: (status: Status) => void
  readonly callbackPeriod?: number
  readonly errorCheckInterval?: number
  readonly timeout?: number
  readonly praxis?: string
  readonly learningRate?: number
}

export interface Dense {
  sizes: number[]
  readonly weights: Float32Array[][]
  readonly biases: Float32Array[]
  readonly deltas: Float32Array[]
  readonly errors: Float32Array[]
  readonly outputs: Float32Array[]
  readonly outputLayer: number
  readonly gpu?: unknown
  readonly denoiser?: object
  calculateDeltas: (target: ArrayLike<number>) => void
  adjustWeights: () => void
  texturizeInputData?: unknown
  initialize(): void
  runInput(input: ArrayLike<number>): Float32Array
  train(data: readonly Pattern[], options?: TrainOptions): Status
  trainAsync(data: readonly Pattern[], options?: TrainOptions): Promise<Status>
  trainPattern(pattern: Pattern, logErrorRate?: boolean): unknown
  run(input: unknown): ArrayLike<number>
  toFunction(): (input: unknown) => ArrayLike<number>
  toJSON(): object
  fromJSON(json: object): Dense
}

export interface Matrix {
  weights: Float32Array
  deltas: Float32Array
  readonly rows: number
  readonly columns: number
}

export interface Recurrent {
  readonly model: { readonly allMatrices: Matrix[]; readonly equations: object[] }
  initialize(): void
  train(data: readonly unknown[], options?: TrainOptions): Status
  trainPattern(sequence: ArrayLike<unknown>, logErrorRate?: boolean): unknown
  run(input: unknown): unknown
  forecast(input: readonly unknown[], count: number): ArrayLike<number>
  toJSON(): object
  fromJSON(json: object): Recurrent
  toFunction(): (input: unknown) => unknown
}

export interface Layered {
  readonly _model: { readonly weights: Float32Array[]; readonly deltas: Float32Array[] }[]
  readonly _outputLayer: { errors: Float32Array[]; compareKernel: unknown }
  initialize(): void
  train(data: readonly Pattern[], options?: TrainOptions): Status
  trainAsync(data: readonly Pattern[], options?: TrainOptions): Promise<Status>
  _trainPattern(input: ArrayLike<number>, target: ArrayLike<number>, logErrorRate: boolean): unknown
  run(input: readonly number[]): ArrayLike<number>[]
  toJSON(): object
}

export interface Brain {
  readonly NeuralNetwork: new (options?: object) => Dense
  readonly NeuralNetworkGPU: new (options?: object) => Dense
  readonly recurrent: Readonly<Record<string, new (options?: object) => Recurrent>>
  /** 1.6.1 takes a class and options, 2.x a function. */
  readonly CrossValidate: new (
    make: unknown,
    options?: object,
  ) => {
    train(data: readonly Pattern[], options?: TrainOptions, k?: number): { readonly sets: readonly Status[] }
  }
  /** Of 1.6.1. */
  readonly TrainStream?: new (options: object) => {
    write(datum: unknown): void
    endInputs(): void
  }
  /** Of 2.x. */
  readonly FeedForward?: new (options: object) => Layered & { readonly _layerSets?: unknown }
  readonly Recurrent?: new (options: object) => object
  readonly AE?: new (options: object) => Dense & { readonly denoiser: object }
  readonly layer: Readonly<Record<string, (...given: unknown[]) => object>>
}

export interface Version {
  readonly version: string
  readonly brain: Brain
}
