import { defineConfig } from 'vitest/config'
import { browserTests, project, reporting } from './vitest.shared.js'

// Each file starts its own Chromium. Two run at a time: half of the time of one, a core waits for it.
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
    maxWorkers: 2,
    passWithNoTests: false,
    ...reporting('browser'),
  },
})
