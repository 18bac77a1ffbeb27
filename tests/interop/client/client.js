// A client of Atoll's call protocol, on a connection of js-libp2p. README.md tells what it says on the wire, step by step.

import { encodeRequestHead } from './encoding.js'
import { KIND, decodeFrames, encodeFrame } from './frames.js'
import { Lane } from './lane.js'
import { StatusError, lost, outcome, read } from './status.js'

export { StatusError } from './status.js'

/** Bytes of a body that ride on a lane; a larger one has a substream of its own. */
const INLINE_BODY = 64 * 1024
/** Bytes that may be under way on a stream until there is credit for more. */
const WINDOW = 256 * 1024
/** What a message takes of that beside its bytes. */
const OVERHEAD = 64
/** The longest message of a stream, in bytes. */
const MESSAGE = WINDOW / 2 - OVERHEAD

export class AtollClient {
  #connection
  #network
  #lane

  /** Calls the node at the other end of `connection`, as `await libp2p.dial(address)` gives it. */
  constructor (connection, { network = 'main' } = {}) {
    this.#connection = connection
    this.#network = network
  }

  /**
   * Calls a method and gives its answer. A request is a value that is sent as JSON, or a Uint8Array that is sent as it is.
   *
   * Options: `version`, a requirement such as `^1.2` (any); `deadline` in milliseconds (10 000; 0 for none); `metadata`, an object
   * of texts; `signal`, an AbortSignal that gives the call up.
   *
   * Throws a StatusError.
   */
  async call (service, method, request, options = {}) {
    const { head, body, signal } = encode(service, method, request, { deadline: 10_000, ...options })
    if (body.length > INLINE_BODY) return outcome(await this.#exchange(encodeFrame(KIND.request, 0n, head, body), signal))
    const answer = await (await this.#openLane()).request(head, body, signal)
    if (answer.kind !== KIND.parked) return outcome(answer)
    // It is too large for the lane, and waits under a ticket.
    const ticket = new DataView(answer.body.buffer, answer.body.byteOffset).getBigUint64(0, true)
    return outcome(await this.#exchange(encodeFrame(KIND.fetch, ticket), signal))
  }

  /** The messages of a server stream, one by one; to leave the loop cancels it. Options as of `call`, without a deadline by default. */
  async * stream (service, method, request, options = {}) {
    const { head, body, content, signal } = encode(service, method, request, options)
    if (body.length > MESSAGE) throw new StatusError('invalid_argument', `a message of ${body.length} bytes, more than ${MESSAGE}`)
    const substream = await this.#substream('bulk', signal)
    let [over, taken] = [false, 0]
    try {
      substream.send(encodeFrame(KIND.open, 0n, head))
      substream.send(encodeFrame(KIND.data, 0n, undefined, body))
      substream.send(encodeFrame(KIND.end))
      for await (const frame of frames(substream, signal)) {
        if (frame.kind === KIND.data) {
          yield read(frame.body, content)
          // Credit is for what the program has taken: one that is slow is sent no more than it can hold.
          taken += frame.body.length + OVERHEAD
          if (taken < WINDOW / 2) continue
          substream.send(encodeFrame(KIND.credit, BigInt(taken)))
          taken = 0
        } else if (frame.kind === KIND.response) {
          over = true
          return void outcome(frame)
        }
      }
      throw lost(signal)
    } finally {
      if (!over && substream.writeStatus === 'writable') substream.send(encodeFrame(KIND.cancel))
      finish(substream)
    }
  }

  /** Gives up what is under way on the lane. The connection stays open. */
  async close () {
    const lane = await this.#lane?.catch(() => {})
    lane?.close()
  }

  /** The lane, opened once, and again if it is gone. */
  async #openLane () {
    const forget = () => { this.#lane = undefined }
    this.#lane ??= this.#substream('rpc').then((substream) => new Lane(substream, forget))
    this.#lane.catch(forget)
    return this.#lane
  }

  /** One frame and its answer on a substream of their own, which stays open until then: to close it is to give up. */
  async #exchange (frame, signal) {
    const substream = await this.#substream('bulk', signal)
    substream.send(frame)
    for await (const answer of frames(substream, signal)) {
      finish(substream)
      return answer
    }
    throw lost(signal)
  }

  /** A substream of one of the two call protocols. */
  async #substream (protocol, signal) {
    try {
      return await this.#connection.newStream(`/atoll/${this.#network}/${protocol}/1`, { signal })
    } catch (error) {
      throw lost(signal, error)
    }
  }
}

function encode (service, method, request, { version, deadline = 0, metadata, signal }) {
  const content = request instanceof Uint8Array ? 'raw' : 'json'
  const body = content === 'raw' ? request : new TextEncoder().encode(JSON.stringify(request ?? null))
  const signals = [signal, deadline > 0 && AbortSignal.timeout(deadline)].filter(Boolean)
  const head = encodeRequestHead({ service, version, method, deadline, content, metadata })
  return { head, body, content, signal: AbortSignal.any(signals) }
}

/** The frames that come on a substream, until it ends or `signal` says that nobody waits any more. */
async function * frames (substream, signal) {
  const giveUp = () => substream.abort(lost(signal))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    yield * decodeFrames(substream)
  } catch (error) {
    throw lost(signal, error)
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** Closes a substream in good order, whether or not the other side still listens. */
function finish (substream) {
  substream.close().catch(() => {})
}
