/** Where a training is kept, in the folder of its artifacts, unless another place is named. */
export const trainingFile = 'checkpoint.induced'

/** What of a training the optimiser does not know lies in the checkpoint's property bag, under this. */
export const prefix = 'induced-onnx.'
/** The property that holds the steps taken. */
export const stepsKey = `${prefix}steps`
