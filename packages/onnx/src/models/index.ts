/**
 * Networks as forward ONNX models, with parameters drawn from a seed: to try training, to compare with, to start
 * from.
 *
 * @packageDocumentation
 */
export { gpt, type GptOptions } from './gpt.js'
export type { Activation } from './layers.js'
export { lenet, type LenetOptions } from './lenet.js'
export { mlp, type MlpOptions } from './mlp.js'
export type { ModelOptions } from './network.js'
export { recurrent, type RecurrentOptions } from './recurrent.js'
export { resnet18, type Resnet18Options } from './resnet18.js'
