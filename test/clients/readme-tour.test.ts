/** The tour of README.md with nothing left out: its lines for oras run by the real one. */
import { expect, test } from 'vitest'
import { runTour } from '../docs/tour.ts'
import { clientTool } from './client-tools.ts'

test('the tour of README.md goes through with oras', async () => {
  const said = await runTour({ oras: await clientTool('oras') })
  expect(said).toContain('Login Succeeded')
  expect(said).toMatch(/team\/report +example\.org +user-managed +finalized +1/)
  expect(said).toContain('application/vnd.example.review')
  expect(said).toContain('the views equal the log')
})
