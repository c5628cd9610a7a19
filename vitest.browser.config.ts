import { defineConfig } from 'vitest/config'
import { browserTests, project, reporting } from './vitest.shared.js'

// Each file starts its own Chromium. They run one after another, so that they do not compete for the cores.
export default defineConfig({
  test: {
    projects: [
      project('browser', {
        include: [browserTests],
        exclude: ['**/node_modules/**', '**/dist/**'],
        testTimeout: 600_000,
        hookTimeout: 600_000,
        env: { CHROMIUM_PATH: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium' },
      }),
    ],
    fileParallelism: false,
    passWithNoTests: false,
    ...reporting('browser'),
  },
})
