// The client's encoding, against the bytes that every version of Atoll must understand.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { concat, decodeResponseHead, encodeNumber, encodeRequestHead } from '../client/encoding.js'
import { BODY, KIND, decodeFrames, encodeFrame } from '../client/frames.js'

/** The vectors by name; the file says how it is to be read. */
function vectors () {
  const file = readFileSync(new URL('../../../protocol/src/golden/vectors.txt', import.meta.url), 'utf8')
  const [all, hex] = [new Map(), /^\s+/]
  let name
  for (const line of file.split('\n').map((line) => line.replace(/#.*/, '').trimEnd())) {
    if (hex.test(line)) all.set(name, all.get(name) + line.replace(/\s/g, ''))
    else if (line) all.set(name = line, '')
  }
  return all
}

const VECTORS = vectors()
const vector = (name) => Buffer.from(VECTORS.get(name), 'hex')
const hex = (bytes) => Buffer.from(bytes).toString('hex')
const encodes = (bytes, name) => assert.equal(hex(bytes), VECTORS.get(name), name)
const bytes = (text) => Buffer.from(text)

async function decoded (...chunks) {
  const frames = []
  for await (const frame of decodeFrames(chunks)) frames.push(frame)
  return frames
}

test('requests have the bytes that they must have', () => {
  encodes(encodeRequestHead({
    service: 'math.calc',
    version: '^1.2',
    method: 'add',
    deadline: 1500,
    metadata: { traceparent: '00-01' },
    extensions: [[1, Uint8Array.of(0xaa, 0xbb)], [300, new Uint8Array()]]
  }), 'request head')
  encodes(encodeRequestHead({ service: 'a', method: 'b', content: 'raw' }), 'request head: least')
})

test('numbers have the bytes that they must have', () => {
  for (const [value, wanted] of [
    [0, '00'], [250, 'fa'], [251, 'fbfb00'], [65_535, 'fbffff'], [65_536, 'fc00000100'], [70_000, 'fc70110100'],
    [2 ** 32, 'fd0000000001000000'], [1_700_000_000_000, 'fd0068e5cf8b010000']
  ]) assert.equal(hex(encodeNumber(value)), wanted, `${value}`)
  for (const value of [-1, 0.5, 2 ** 53, NaN]) assert.throws(() => encodeNumber(value), RangeError, `${value}`)
})

test('responses are read', () => {
  const ok = { code: 'ok', message: '', retryable: false, content: 'json', metadata: {} }
  assert.deepEqual(decodeResponseHead(vector('response head: ok')), ok)
  assert.deepEqual(decodeResponseHead(vector('response head: raw')), { ...ok, content: 'raw', metadata: { etag: '7' } })
  assert.deepEqual(decodeResponseHead(vector('response head: failed')),
    { ...ok, code: 'unavailable', message: 'gone', retryable: true, content: 'raw' })
  assert.deepEqual(decodeResponseHead(vector('response head: full')),
    { ...ok, code: 'resource_exhausted', message: 'full', retryable: true, content: 'raw', retryAfter: 1500 })
})

test('responses that are cut short are refused', () => {
  const whole = vector('response head: full')
  for (let length = 1; length < whole.length; length++) {
    assert.throws(() => decodeResponseHead(whole.subarray(0, length)), RangeError, `${length} bytes`)
  }
})

test('frames have the bytes that they must have', () => {
  const call = 0x0807060504030201n
  const head = encodeRequestHead({ service: 'a', method: 'b', content: 'raw' })
  encodes(encodeFrame(KIND.request, call, head, bytes('{}')), 'frame: request')
  encodes(encodeFrame(KIND.open, call, head), 'frame: open')
  encodes(encodeFrame(KIND.data, call, undefined, bytes('42')), 'frame: data')
  for (const kind of ['cancel', 'fetch', 'credit', 'end', 'ping', 'pong']) encodes(encodeFrame(KIND[kind], call), `frame: ${kind}`)
})

test('frames are read, however their bytes are cut', async () => {
  const names = ['frame: response', 'frame: parked', 'frame: data', 'frame: credit']
  const all = concat(names.map(vector))
  const whole = await decoded(all)
  assert.deepEqual(whole.map(({ kind, call, body }) => [kind, call, hex(body)]), [
    [KIND.response, 0x0807060504030201n, hex(bytes('42'))],
    [KIND.parked, 0x0807060504030201n, '0900000000000000'],
    [KIND.data, 0x0807060504030201n, hex(bytes('42'))],
    [KIND.credit, 0x0807060504030201n, '']
  ])
  assert.deepEqual(await decoded(...Array.from(all, (byte) => Uint8Array.of(byte))), whole)
  const [request] = await decoded(vector('frame: request'))
  assert.equal(hex(request.head), VECTORS.get('request head: least'))
})

test('what is no frame is refused', async () => {
  const reserved = vector('frame: ping')
  reserved[1] = 1
  await assert.rejects(decoded(reserved), RangeError)
  const long = vector('frame: ping')
  long.writeUInt32LE(BODY + 1, 4)
  await assert.rejects(decoded(long), RangeError)
  assert.throws(() => encodeFrame(KIND.request, 0n, new Uint8Array(20_000)), RangeError)
})
