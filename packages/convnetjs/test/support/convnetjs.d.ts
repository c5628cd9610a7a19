// The parts of convnetjs that tests, examples and docs use. convnetjs has no types of its own.
declare module 'convnetjs' {
  type Floats = Float64Array<ArrayBuffer>

  class Vol {
    constructor(sx: number | readonly number[], sy?: number, depth?: number, c?: number)
    readonly sx: number
    readonly sy: number
    readonly depth: number
    w: Floats
    dw: Floats
  }

  interface ParamsAndGrads {
    readonly params: Float32Array | Float64Array
    readonly grads: Float32Array | Float64Array | null
    readonly l1_decay_mul?: number
    readonly l2_decay_mul?: number
    readonly name?: string
    readonly shape?: readonly number[]
  }

  interface Layer {
    readonly layer_type?: string
    readonly filters?: Vol[]
    readonly biases?: Vol
    readonly out_act?: Vol
    forward(x: Vol, isTraining?: boolean): Vol
    backward(y?: unknown): number | undefined | void
    getParamsAndGrads(): ParamsAndGrads[]
  }

  class Net {
    layers: Layer[]
    makeLayers(definitions: readonly object[]): void
    forward(x: Vol, isTraining?: boolean): Vol
    backward(y: unknown): number
    getParamsAndGrads(): ParamsAndGrads[]
    getPrediction(): number
    toJSON(): object
    fromJSON(json: object): void
  }

  interface TrainStats {
    readonly fwd_time: number
    readonly bwd_time: number
    readonly cost_loss: number
    readonly softmax_loss: number
    readonly l1_decay_loss: number
    readonly l2_decay_loss: number
    readonly loss: number
  }

  class Trainer {
    constructor(net: Net, options?: object)
    readonly k: number
    train(x: Vol, y: unknown): TrainStats
  }

  const convnetjs: { readonly Vol: typeof Vol; readonly Net: typeof Net; readonly Trainer: typeof Trainer }
  export default convnetjs
  export type { Net, Vol, Layer, TrainStats }
}
