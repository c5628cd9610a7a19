/**
 * The command `induced-onnx`, for programs that run it themselves.
 *
 * @packageDocumentation
 */
export type { Surroundings } from './io.js'
export { main } from './main.js'
