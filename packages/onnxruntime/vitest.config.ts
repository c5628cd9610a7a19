import { project } from '../../vitest.shared.js'

export default project('onnxruntime', { setupFiles: ['../onnx/test/oneThread.ts'] })
