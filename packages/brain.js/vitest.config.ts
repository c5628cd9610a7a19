import { project } from '../../vitest.shared.js'

export default project('brain.js', { setupFiles: ['test/support/seed.ts'] })
