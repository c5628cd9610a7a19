/**
 * ONNX files, as `@induced-metric/onnx/proto` reads, writes and builds them.
 *
 * @packageDocumentation
 */
export * from '@induced-metric/onnx/proto'
