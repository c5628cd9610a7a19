import { defineConfig } from 'vitest/config'
import { reporting } from './vitest.shared.js'

export default defineConfig({
  test: {
    projects: ['packages/*/vitest.config.ts', 'examples/vitest.config.ts', 'tests/vitest.config.ts'],
    passWithNoTests: false,
    ...reporting('unit'),
  },
})
