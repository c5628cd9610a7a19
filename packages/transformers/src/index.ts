/**
 * Fine-tuning of models in the layout of Transformers.js, in Node and in pages, on the stock ONNX Runtime.
 *
 * @packageDocumentation
 */
export type { GeneratedText, LabelledText, Message, TextExample } from './examples.js'
export {
  cachedFiles,
  folderFiles,
  memoryFiles,
  urlFiles,
  type CacheOptions,
  type ModelFiles,
  type WritableModelFiles,
} from './files.js'
export { createFineTuning, type Evaluation, type FineTuning, type FineTuningStep } from './fineTuning.js'
export type { Pooling } from './head.js'
export { ignoredLabel, nextTokenLoss, type ProblemType } from './losses.js'
export type { FineTuningOptions } from './options.js'
export type { Task } from './textModel.js'
export type { Dtype } from './variants.js'
