/**
 * ONNX files: their messages, with int64 as bigint and unknown fields kept, and what it takes to read and write them.
 *
 * @packageDocumentation
 */
export * from './attribute.js'
export * from './dataType.js'
export * from './model.js'
export * from './onnx_pb.js'
export * from './tensor.js'
