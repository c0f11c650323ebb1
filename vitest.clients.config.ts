import { defineConfig } from 'vitest/config'

/** Real clients against started servers: minutes, and tools that Node and npm alone do not bring. */
export default defineConfig({
  test: {
    include: ['test/clients/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 900_000,
    globalSetup: ['test/support/global-setup.ts'],
  },
})
