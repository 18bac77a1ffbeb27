// How calls end.

import { decodeResponseHead } from './encoding.js'

/** How a call failed. `code` is a name such as `not_found`; `detail` are bytes that the service may have added. */
export class StatusError extends Error {
  constructor (code, message, { retryable = false, retryAfter, detail, cause } = {}) {
    super(`${code}: ${message}`, { cause })
    Object.assign(this, { name: 'StatusError', code, retryable, retryAfter, detail })
  }
}

/** Why there will be no answer: the caller has given up, its time is over, or the substream has ended. */
export function lost (signal, cause) {
  if (!signal?.aborted) {
    const why = cause ? `: ${cause.message}` : ''
    return new StatusError('unavailable', `the substream ended before the answer came${why}`, { cause })
  }
  if (signal.reason?.name === 'TimeoutError') return new StatusError('deadline_exceeded', 'there was no answer in time')
  return new StatusError('cancelled', 'the caller has given up')
}

/** A body as a value: parsed if it is JSON, its bytes otherwise. */
export const read = (body, content) => content === 'raw' ? body : JSON.parse(new TextDecoder().decode(body))

/** What a Response frame says: the answer, or, thrown, the status. */
export function outcome ({ head, body }) {
  const { code, message, content, ...more } = decodeResponseHead(head)
  if (code !== 'ok') throw new StatusError(code, message, { ...more, detail: body })
  return body.length === 0 && content === 'json' ? undefined : read(body, content)
}
