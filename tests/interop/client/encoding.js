// What Atoll's heads are made of: bincode 2 in its standard configuration, as far as calls need it.
//
// Integers up to 250 take one byte; 251, 252 and 253 announce two, four and eight bytes, little endian. Texts, byte strings and
// maps begin with their length, enums are their variant's number, and fields follow each other. Other implementations of this
// can test themselves with protocol/src/golden/vectors.txt, as test/vectors.test.js does.

const text = new TextEncoder()
const fromText = new TextDecoder('utf-8', { fatal: true })

/** How bodies are to be read, by the numbers that they have in heads. */
export const CONTENT = ['json', 'raw']

/** The status codes, by number: gRPC's. */
export const CODES = [
  'ok', 'cancelled', 'unknown', 'invalid_argument', 'deadline_exceeded', 'not_found', 'already_exists', 'permission_denied',
  'resource_exhausted', 'failed_precondition', 'aborted', 'out_of_range', 'unimplemented', 'internal', 'unavailable',
  'data_loss', 'unauthenticated'
]

/** The extension of a response that says, in milliseconds, when to try again. */
const RETRY_AFTER = 1

/** Bytes one after the other. */
export function concat (parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** An integer from 0 to 2^53 - 1. */
export function encodeNumber (value) {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no number from 0 to 2^53 - 1`)
  if (value <= 250) return Uint8Array.of(value)
  const wide = value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8
  const bytes = new DataView(new ArrayBuffer(9))
  bytes.setUint8(0, { 2: 251, 4: 252, 8: 253 }[wide])
  bytes.setBigUint64(1, BigInt(value), true)
  return new Uint8Array(bytes.buffer, 0, 1 + wide)
}

const encodeBytes = (bytes) => concat([encodeNumber(bytes.length), bytes])
const encodeText = (value) => encodeBytes(text.encode(value))
const encodeMap = (entries, key, value) =>
  concat([encodeNumber(entries.length), ...entries.flatMap(([k, v]) => [key(k), value(v)])])

/**
 * The head of a request. `version` is a requirement such as `^1.2`, or empty for any; `deadline` is in milliseconds, 0 for none.
 * `extensions` are pairs of a number and bytes.
 */
export function encodeRequestHead ({ service, version = '', method, deadline = 0, content = 'json', metadata = {}, extensions = [] }) {
  return concat([
    encodeText(service), encodeText(version), encodeText(method), encodeNumber(deadline),
    encodeNumber(CONTENT.indexOf(content)),
    encodeMap(Object.entries(metadata).sort(), encodeText, encodeText),
    encodeMap(extensions, encodeNumber, encodeBytes)
  ])
}

/** Reads values off the front of some bytes; throws where they are cut short. */
class Decoder {
  constructor (bytes) {
    this.bytes = bytes
    this.at = 0
  }

  take (length) {
    if (length > this.bytes.length - this.at) throw new RangeError('a head is cut short')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  byte () {
    return this.take(1)[0]
  }

  number () {
    const first = this.byte()
    if (first <= 250) return first
    if (first > 253) throw new RangeError(`${first} begins no number`)
    return [...this.take(2 ** (first - 250))].reduceRight((value, byte) => value * 256 + byte, 0)
  }

  sized () {
    return this.take(this.number())
  }

  text () {
    return fromText.decode(this.sized())
  }

  map (key, value) {
    return new Map(Array.from({ length: Math.min(this.number(), this.bytes.length) }, () => [key(), value()]))
  }
}

/** The head of a response, with the code's name; `retryAfter` in milliseconds if there is one. */
export function decodeResponseHead (bytes) {
  // An answer in JSON that has nothing to add.
  if (bytes.length === 0) return { code: 'ok', message: '', retryable: false, content: 'json', metadata: {} }
  const from = new Decoder(bytes)
  const code = CODES[from.byte()] ?? 'unknown'
  const message = from.text()
  const retryable = from.byte() === 1
  const content = CONTENT[from.number()]
  const metadata = Object.fromEntries(from.map(() => from.text(), () => from.text()))
  // Others may be added; they mean nothing here.
  const wait = from.map(() => from.number(), () => from.sized()).get(RETRY_AFTER)
  const retryAfter = wait === undefined ? {} : { retryAfter: new DataView(wait.buffer, wait.byteOffset, 4).getUint32(0, true) }
  return { code, message, retryable, content, metadata, ...retryAfter }
}
