import { project } from '../../vitest.shared.js'

export default project('onnx-cli', { setupFiles: ['../onnx/test/oneThread.ts'] })
