export type { Batches, BatchLogs, Disco, DiscoModel, ValidationMetrics, WeightsContainer } from './disco.js'
export { imageEncoding, tableEncoding, type Image } from './encodings.js'
export { createTrainingModel, type Encoding, type TrainingModelOptions } from './trainingModel.js'
