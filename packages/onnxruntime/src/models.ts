/**
 * Networks as forward ONNX models, as `@induced-metric/onnx/models` makes them.
 *
 * @packageDocumentation
 */
export * from '@induced-metric/onnx/models'
