import { defineConfig } from 'vitest/config'
import { reporting } from './vitest.shared.js'

export default defineConfig({
  test: {
    projects: ['packages/*/vitest.config.ts', 'examples/vitest.config.ts', 'tests/vitest.config.ts'],
    passWithNoTests: false,
    // The default leaves a core to the main process, which is half of a machine with two.
    maxWorkers: '100%',
    ...reporting('unit'),
  },
})
