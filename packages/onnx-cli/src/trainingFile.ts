/** The default file of a training, in the folder of its artifacts. */
export const trainingFile = 'checkpoint.induced'

/** The prefix of the properties that store the state of a training which the optimiser does not know. */
export const prefix = 'induced-onnx.'
/** The property that stores the number of steps taken. */
export const stepsKey = `${prefix}steps`
