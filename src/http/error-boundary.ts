/**
 * The boundary of a surface: nothing thrown by a handler passes it. Known errors become what the surface's table says;
 * all others become 'internal', with the whole story in the log and only the request id in the answer.
 */
import { admit, identified } from './authenticate.ts'
import type { Endpoint } from './endpoint.ts'
import { type Call, Exchange } from './exchange.ts'
import type { Reply } from './reply.ts'
import { RequestError } from './request-error.ts'
import { sendReply } from './send-reply.ts'
import type { Surface } from './surface.ts'

/** A manifest put with a hundred long tags has some 13,000 characters. */
const URL_LIMIT = 16 * 1024

function urlTooLong(): RequestError {
  return new RequestError('url-too-long', `the path and query have more than ${URL_LIMIT} characters`, {
    limit: URL_LIMIT,
  })
}

/** Answers one request by one endpoint. Never rejects. `params` may throw RequestError. */
export async function answer(
  surface: Surface,
  endpoint: Endpoint,
  call: Call & { readonly params: () => Readonly<Record<string, string>> },
): Promise<void> {
  const exchange = new Exchange(surface, call)
  try {
    if ((call.request.url ?? '').length > URL_LIMIT) throw urlTooLong()
    const { access } = endpoint
    exchange.identity = await identified(surface.guard, exchange.credential, { access, address: exchange.client })
    exchange.params = call.params()
    admit(exchange, access)
    exchange.welcomeBody()
    await sendReply(exchange, await endpoint.handle(exchange))
  } catch (error) {
    await answerError(exchange, error)
  }
}

async function answerError(exchange: Exchange, error: unknown): Promise<void> {
  const { surface, response } = exchange
  // A client that hangs up is its own business: nobody reads the answer and nobody should be paged.
  if (exchange.isAbandoned) {
    surface.log.debug({ requestId: exchange.id, route: exchange.route }, 'client left before the answer')
    return
  }
  if (response.headersSent) {
    surface.log.error({ err: error, requestId: exchange.id, route: exchange.route }, 'answer broke off')
    response.destroy()
    return
  }
  try {
    await sendReply(exchange, replyTo(exchange, error))
  } catch (secondError) {
    surface.log.error({ err: secondError, requestId: exchange.id, route: exchange.route }, 'error answer failed')
    response.destroy()
  }
}

function replyTo(exchange: Exchange, error: unknown): Reply {
  const { surface } = exchange
  const context = { requestId: exchange.id, path: exchange.path, origin: exchange.origin }
  const known = surface.errorReply(error, context)
  if (known === undefined || known.status >= 500) {
    surface.log.error({ err: error, requestId: exchange.id, route: exchange.route }, 'request failed')
  }
  return known ?? surface.errorReply(internalError(), context) ?? { status: 500 }
}

function internalError(): RequestError {
  return new RequestError('internal', 'the server failed to answer; its log has the reason under the request id')
}
