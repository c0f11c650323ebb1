/** How long a package stays: its state and history, later ends, stronger classes, holds. */
import type { Hold, RetentionChange, RetentionState } from '../registry/index.ts'
import { type JsonBody, jsonReply, operation } from './operation.ts'
import { PAGE_QUERY, pageOf, visibleTo } from './packages.ts'
import type {
  HoldJson,
  HoldPageJson,
  NewClassJson,
  NewExtensionJson,
  NewHoldJson,
  NewSweepJson,
  ReleaseJson,
  RetentionChangeJson,
  RetentionHistoryJson,
  RetentionJson,
  SweepJson,
} from './retention-wire.ts'
import { MEDIA_TYPES } from './wire.ts'

const NEW_EXTENSION: JsonBody<NewExtensionJson> = { schema: 'NewExtension' }
const NEW_CLASS: JsonBody<NewClassJson> = { schema: 'NewClass' }
const NEW_HOLD: JsonBody<NewHoldJson> = { schema: 'NewHold' }
const NEW_SWEEP: JsonBody<NewSweepJson> = { schema: 'NewSweep' }
const RELEASE: JsonBody<ReleaseJson> = { schema: 'Release' }

const STATE_ANSWER = { description: 'How it is kept now', content: { [MEDIA_TYPES.json]: 'Retention' } } as const

export const getRetention = operation({
  id: 'getRetention',
  summary: 'How long a package stays, and who forbids its deletion',
  description:
    'A package is kept by its own class and holds, by those of every index that lists it, and by those of its subject.',
  answers: { 200: STATE_ANSWER },
  errors: ['package-unknown'],
  async handle({ context, params }) {
    return jsonReply(200, stateJson(await context.registry.retention.state(params.package_id!)))
  },
})

export const extendRetention = operation({
  id: 'extendRetention',
  summary: 'Keep a package for longer',
  json: NEW_EXTENSION,
  answers: { 200: STATE_ANSWER },
  errors: ['package-unknown', 'expiry-not-later'],
  async handle({ context, params, body, actor }) {
    const request = { expiresAt: body.new_expires_at, reason: body.reason, actor }
    return jsonReply(200, stateJson(await context.registry.retention.extend(params.package_id!, request)))
  },
})

export const raiseRetentionClass = operation({
  id: 'raiseRetentionClass',
  summary: 'Give a package a class that keeps it for longer',
  description:
    'The new duration counts from the creation of the package, or from now where it had no expiry; an expiry never becomes an earlier one.',
  json: NEW_CLASS,
  answers: { 200: STATE_ANSWER },
  errors: ['package-unknown', 'retention-class-unknown', 'class-not-stronger'],
  async handle({ context, params, body, actor }) {
    const request = { retentionClass: body.retention_class, reason: body.reason, actor }
    return jsonReply(200, stateJson(await context.registry.retention.raise(params.package_id!, request)))
  },
})

export const applyHold = operation({
  id: 'applyHold',
  summary: 'Forbid the deletion of a package until further notice',
  description: 'Several holds stand side by side; each is released by itself.',
  json: NEW_HOLD,
  answers: { 201: { description: 'It stands', content: { [MEDIA_TYPES.json]: 'Hold' } } },
  errors: ['package-unknown'],
  async handle({ context, params, body, actor }) {
    const request = { reason: body.reason, ...(body.case === undefined ? {} : { caseReference: body.case }), actor }
    return jsonReply(201, holdJson(await context.registry.retention.applyHold(params.package_id!, request)))
  },
})

export const releaseHold = operation({
  id: 'releaseHold',
  summary: 'Take a hold back',
  json: RELEASE,
  answers: { 200: { description: 'It stands no more', content: { [MEDIA_TYPES.json]: 'Hold' } } },
  errors: ['package-unknown', 'hold-unknown', 'hold-released'],
  async handle({ context, params, body, actor }) {
    const { package_id: id, hold_id: holdId } = params
    const request = { reason: body.reason, actor }
    return jsonReply(200, holdJson(await context.registry.retention.releaseHold(id!, holdId!, request)))
  },
})

const HOLD_QUERY = {
  case: { kind: 'text', description: 'Of this matter' },
  standing: { kind: 'choice', values: ['true', 'false'], description: 'Only those that stand, or only released ones' },
  ...PAGE_QUERY,
} as const

export const listHolds = operation({
  id: 'listHolds',
  summary: 'List holds, newest first',
  description:
    'Only on packages that the caller may read: a page can have fewer entries than asked for, and next_cursor all the same.',
  query: HOLD_QUERY,
  answers: { 200: { description: 'One page', content: { [MEDIA_TYPES.json]: 'HoldPage' } } },
  errors: ['cursor-unknown'],
  async handle({ context, request, query }) {
    const { case: caseReference, standing } = query
    const filter = {
      ...(caseReference === undefined ? {} : { caseReference }),
      ...(standing === undefined ? {} : { isStanding: standing === 'true' }),
    }
    const { items, next } = await context.registry.retention.holds(filter, pageOf(query), visibleTo(request))
    const answer: HoldPageJson = { holds: items.map(holdJson), next_cursor: next ?? null }
    return jsonReply(200, answer)
  },
})

export const readRetentionHistory = operation({
  id: 'readRetentionHistory',
  summary: 'Who changed how long a package stays, when and why',
  description: 'From the event log, oldest first.',
  query: PAGE_QUERY,
  answers: { 200: { description: 'One page', content: { [MEDIA_TYPES.json]: 'RetentionHistory' } } },
  errors: ['package-unknown', 'cursor-unknown'],
  async handle({ context, params, query }) {
    const { items, next } = await context.registry.retention.history(params.package_id!, pageOf(query))
    const answer: RetentionHistoryJson = { changes: items.map(changeJson), next_cursor: next ?? null }
    return jsonReply(200, answer)
  },
})

export const sweepRetention = operation({
  id: 'sweepRetention',
  summary: 'Mark packages whose time is over, and that nobody holds, as eligible for deletion',
  description: 'Deletes nothing. Refused while the clock cannot be believed.',
  json: NEW_SWEEP,
  answers: { 200: { description: 'What it did', content: { [MEDIA_TYPES.json]: 'Sweep' } } },
  errors: ['clock-doubted'],
  async handle({ context, body }) {
    const report = await context.registry.retention.sweep({ dryRun: body.dry_run ?? false })
    const answer: SweepJson = {
      dry_run: report.dryRun,
      eligible: report.eligible,
      held: report.held,
      packages: report.packages,
    }
    return jsonReply(200, answer)
  },
})

export const confirmClock = operation({
  id: 'confirmClock',
  summary: 'Say that the clock is right, after it jumped by more than a day',
  answers: { 200: { description: 'It is believed', content: { [MEDIA_TYPES.json]: 'ConfirmedClock' } } },
  errors: [],
  async handle({ context }) {
    return jsonReply(200, await context.registry.confirmClock())
  },
})

export const listRetentionClasses = operation({
  id: 'listRetentionClasses',
  summary: 'The retention classes of this server, in order of strength',
  answers: { 200: { description: 'All of them', content: { [MEDIA_TYPES.json]: 'RetentionClassList' } } },
  errors: [],
  async handle({ context }) {
    const classes = context.registry.retention.classes()
    return jsonReply(200, {
      retention_classes: classes.map(({ name, durationSeconds }) => ({
        name,
        default_duration_seconds: durationSeconds,
      })),
    })
  },
})

function stateJson(state: RetentionState): RetentionJson {
  return {
    package_id: state.packageId,
    retention_class: state.retentionClass,
    default_duration_seconds: state.defaultDurationSeconds,
    expires_at: state.expiresAt,
    eligible: state.isEligible,
    holds: state.holds.map(holdJson),
    kept_by: state.keptBy.map((keeper) => ({
      package_id: keeper.packageId,
      retention_class: keeper.retentionClass,
      expires_at: keeper.expiresAt,
      holds: keeper.holds,
    })),
  }
}

function holdJson(hold: Hold): HoldJson {
  return {
    hold_id: hold.id,
    package_id: hold.packageId,
    reason: hold.reason,
    case: hold.caseReference,
    applied_at: hold.appliedAt,
    applied_by: hold.appliedBy,
    released_at: hold.released?.at ?? null,
    released_by: hold.released?.by ?? null,
    release_reason: hold.released?.reason ?? null,
  }
}

function changeJson({ sequence, at, type, actor, ...said }: RetentionChange): RetentionChangeJson {
  return {
    sequence,
    at,
    event_type: type,
    actor,
    ...(said.reason === undefined ? {} : { reason: said.reason }),
    ...(said.expiresAt === undefined ? {} : { expires_at: said.expiresAt }),
    ...(said.retentionClass === undefined ? {} : { retention_class: said.retentionClass }),
    ...(said.holdId === undefined ? {} : { hold_id: said.holdId }),
    ...(said.caseReference === undefined ? {} : { case: said.caseReference }),
  }
}
