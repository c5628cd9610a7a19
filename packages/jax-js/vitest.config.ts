import { project } from '../../vitest.shared.js'

// The files of a worker share its modules, as loading the sources takes longer than most files' tests.
export default project('jax-js', { isolate: false, setupFiles: ['test/support/memories.ts'] })
