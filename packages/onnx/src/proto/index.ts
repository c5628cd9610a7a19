/**
 * ONNX files: their messages (with int64 as bigint and unknown fields kept), functions that read and write them, and
 * a builder of models.
 *
 * @packageDocumentation
 */
export * from './attribute.js'
export * from './dataType.js'
export * from './model.js'
export * from './modelBuilder.js'
export * from './node.js'
export * from './onnx_pb.js'
export * from './tensor.js'
export * from './value.js'
