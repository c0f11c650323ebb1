/** Every migration, oldest first. Named here one by one, so that no file name pattern decides what runs. */
import type { Migration } from '../src/registry/index.ts'
import * as createLog from './20261120T0900_create_log.ts'
import * as createAccess from './20261125T0900_create_access.ts'
import * as createClock from './20261126T0900_create_clock.ts'

export const MIGRATIONS: readonly Migration[] = [createLog, createAccess, createClock]
