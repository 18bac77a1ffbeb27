// A lane: one long-lived substream that carries many calls at once, told apart by their ids.

import { KIND, decodeFrames, encodeFrame } from './frames.js'
import { lost } from './status.js'

export class Lane {
  #substream
  #last = 0n
  /** What becomes of each call that is under way, by its id. */
  #calls = new Map()

  /** A lane on a substream of `/atoll/<network>/rpc/1`; `ended` is called when it is gone. */
  constructor (substream, ended) {
    this.#substream = substream
    this.#receive().then(ended)
  }

  /** Sends a request and gives the frame that answers it, of kind Response or Parked. */
  request (head, body, signal) {
    return new Promise((resolve, reject) => {
      const call = ++this.#last
      const end = (settle, value) => {
        signal.removeEventListener('abort', giveUp)
        this.#calls.delete(call)
        settle(value)
      }
      const giveUp = () => {
        end(reject, lost(signal))
        if (this.#substream.writeStatus === 'writable') this.#substream.send(encodeFrame(KIND.cancel, call))
      }
      if (signal.aborted) return reject(lost(signal))
      signal.addEventListener('abort', giveUp)
      this.#calls.set(call, { answered: (frame) => end(resolve, frame), failed: (error) => end(reject, error) })
      try {
        this.#substream.send(encodeFrame(KIND.request, call, head, body))
      } catch (error) {
        end(reject, lost(signal, error))
      }
    })
  }

  close () {
    this.#substream.abort(new Error('the client has closed its lane'))
  }

  async #receive () {
    let cause
    try {
      for await (const frame of decodeFrames(this.#substream)) this.#calls.get(frame.call)?.answered(frame)
    } catch (error) {
      cause = error
    }
    for (const { failed } of [...this.#calls.values()]) failed(lost(undefined, cause))
  }
}
