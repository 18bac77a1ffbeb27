// Frames: what lanes and the substreams of single calls carry. protocol/src/rpc/frame.rs draws them.
//
//   kind u8 · zero u8 · length of the head u16 · length of the body u32 · call id u64 · head · body     (little endian)

import { concat } from './encoding.js'

/** The kinds of frames. */
export const KIND = {
  request: 1, response: 2, cancel: 3, parked: 4, fetch: 5, open: 6, data: 7, credit: 8, end: 9, ping: 10, pong: 11
}

const HEADER = 16
const EMPTY = new Uint8Array()
/** The longest head and the longest body, in bytes. */
export const HEAD = 16 * 1024
export const BODY = 16 * 1024 * 1024

/** A frame's bytes. `call` is a bigint: the call's id, a ticket or a credit. */
export function encodeFrame (kind, call = 0n, head = EMPTY, body = EMPTY) {
  if (head.length > HEAD) throw new RangeError(`a head of ${head.length} bytes, more than ${HEAD}`)
  if (body.length > BODY) throw new RangeError(`a body of ${body.length} bytes, more than ${BODY}`)
  const header = new DataView(new ArrayBuffer(HEADER))
  header.setUint8(0, kind)
  header.setUint16(2, head.length, true)
  header.setUint32(4, body.length, true)
  header.setBigUint64(8, call, true)
  return concat([new Uint8Array(header.buffer), head, body])
}

/** How many bytes the frame at the front takes; those of a header as long as that is not there. */
function lengths (bytes) {
  if (bytes.length < HEADER) return { head: 0, all: HEADER }
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const [head, body] = [view.getUint16(2, true), view.getUint32(4, true)]
  if (view.getUint8(1) !== 0 || head > HEAD || body > BODY) throw new RangeError('the peer sent something else than a frame')
  return { head, all: HEADER + head + body }
}

function parse (bytes, head) {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return {
    kind: view.getUint8(0),
    call: view.getBigUint64(8, true),
    head: bytes.subarray(HEADER, HEADER + head),
    body: bytes.subarray(HEADER + head)
  }
}

/** The frames among chunks of bytes, however they are cut, until these end. */
export async function * decodeFrames (chunks) {
  let [parts, have, want] = [[], 0, HEADER]
  for await (const chunk of chunks) {
    parts.push(chunk.subarray())
    have += chunk.byteLength
    // Not put together before there is enough: a large body comes in thousands of chunks.
    if (have < want) continue
    let bytes = concat(parts)
    for (;;) {
      const { head, all } = lengths(bytes)
      want = all
      if (bytes.length < want || bytes.length < HEADER) break
      yield parse(bytes.subarray(0, all), head)
      bytes = bytes.subarray(all)
    }
    parts = [bytes]
    have = bytes.length
  }
}
