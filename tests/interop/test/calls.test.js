// Calls and streams, by the JavaScript client, to real nodes.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { multiaddr } from '@multiformats/multiaddr'

import { AtollClient, StatusError } from '../client/client.js'
import { startPeer } from '../harness/peer.js'
import { startNode, startService } from '../harness/processes.js'
import { until } from '../harness/until.js'

/** A client of a node. */
async function clientOf (t, node, transport = 'tcp') {
  const peer = await startPeer(t, { listen: [] })
  const connection = await peer.dial(multiaddr(node[transport]))
  return { node, peer, connection, client: new AtollClient(connection) }
}

/** A client of a node that offers the service `bench`. */
const ofBench = async (t, transport) => clientOf(t, await startNode(t, { more: ['--bench'] }), transport)

/** A client of a node that offers the service `interop`. */
const ofService = async (t, transport) => clientOf(t, await startService(t), transport)

async function all (messages) {
  const received = []
  for await (const message of messages) received.push(message)
  return received
}

const failsWith = (code, words) => (error) => {
  assert.ok(error instanceof StatusError, `${error.stack}`)
  assert.equal(error.code, code, error.message)
  assert.match(error.message, words)
  return true
}

/** How many bytes to send, as the service `bench` wants to be told. */
function asked (bytes) {
  const request = Buffer.alloc(8)
  request.writeBigUInt64LE(BigInt(bytes))
  return new Uint8Array(request)
}

for (const transport of ['tcp', 'quic']) {
  test(`calls over ${transport}`, async (t) => {
    const { node, peer, client } = await ofService(t, transport)

    await t.test('are answered in JSON', async () => {
      assert.equal(await client.call('interop', 'add', { a: 2, b: 3 }), 5)
      assert.deepEqual(await client.call('system', 'ping'), { node: node.id })
      assert.equal((await client.call('system', 'info', {}, { version: '*' })).network, 'main')
    })

    await t.test('tell the service who calls, and what goes with the call', async () => {
      const metadata = { traceparent: '00-01', colour: 'grün' }
      const told = await client.call('interop', 'told', null, { version: '^1.2', metadata, deadline: 60_000 })
      assert.equal(told.caller, peer.peerId.toString())
      assert.deepEqual(told.metadata, metadata)
      assert.ok(told.remaining_ms > 0 && told.remaining_ms <= 60_000, `${told.remaining_ms}`)
      assert.equal((await client.call('interop', 'told', null, { deadline: 0 })).remaining_ms, null)
    })

    await t.test('fetch an answer that is too large for the lane', async () => {
      const text = 'twelve bytes'
      for (const times of [1, 100_000]) assert.equal(await client.call('interop', 'repeat', { text, times }), text.repeat(times))
    })

    await t.test('fail with a status', async () => {
      await assert.rejects(client.call('no.such', 'method'), failsWith('not_found', /no\.such/))
      await assert.rejects(client.call('interop', 'fly'), failsWith('unimplemented', /add/))
      await assert.rejects(client.call('interop', 'add', {}, { version: '^9' }), failsWith('not_found', /1\.2\.3/))
      await assert.rejects(client.call('interop', 'add', {}, { version: 'newest' }), failsWith('invalid_argument', /newest/))
      await assert.rejects(client.call('interop', 'add', { a: 2 }), failsWith('invalid_argument', /b/))
      await assert.rejects(client.call('interop', 'count', { from: 1 }), failsWith('unimplemented', /stream/))
      await assert.rejects(client.call('no.such', 'method', new Uint8Array(100_000)), failsWith('not_found', /no\.such/))
      const busy = await client.call('interop', 'busy').catch((error) => error)
      assert.ok(failsWith('resource_exhausted', /too much to do/)(busy))
      assert.deepEqual([busy.retryable, busy.retryAfter, Buffer.from(busy.detail).toString()], [true, 1500, 'some detail'])
    })

    await t.test('are given up, and their handlers with them', async () => {
      const giver = new AbortController()
      const given = client.call('interop', 'linger', null, { signal: giver.signal, deadline: 0 })
      await until('it has begun', async () => (await client.call('interop', 'lingered'))[0] === 1)
      giver.abort()
      await assert.rejects(given, failsWith('cancelled', /given up/))
      await assert.rejects(client.call('interop', 'linger', null, { deadline: 100 }), failsWith('deadline_exceeded', /time/))
      for await (const number of client.stream('interop', 'trickle')) {
        assert.equal(number, 1)
        break
      }
      await until('their handlers are dropped', async () => (await client.call('interop', 'lingered'))[1] === 3)
    })

    await t.test('give a stream', async () => {
      assert.deepEqual(await all(client.stream('interop', 'count', { from: 4 })), [4, 3, 2, 1])
      assert.deepEqual(await all(client.stream('interop', 'count', { from: 0 })), [])
      // A small message takes more of the window by its overhead than by its bytes.
      assert.equal((await all(client.stream('interop', 'count', { from: 20_000 }))).length, 20_000)
    })

    await t.test('give a stream that fails', async () => {
      const numbers = []
      await assert.rejects(async () => {
        for await (const number of client.stream('interop', 'count', { from: 4, failing_at: 2 })) numbers.push(number)
      }, failsWith('failed_precondition', /2 cannot be counted/))
      assert.deepEqual(numbers, [4, 3])
      await assert.rejects(all(client.stream('no.such', 'method')), failsWith('not_found', /no\.such/))
      await assert.rejects(all(client.stream('interop', 'add', { a: 1, b: 2 })), failsWith('unimplemented', /no stream/))
      await assert.rejects(all(client.stream('interop', 'count', 'x'.repeat(200_000))), failsWith('invalid_argument', /200002 bytes/))
    })
  })

  test(`bytes over ${transport}`, async (t) => {
    const { connection, client } = await ofBench(t, transport)

    await t.test('go in calls that share a lane', async () => {
      const bodies = Array.from({ length: 500 }, (_, number) => new Uint8Array(Buffer.from(`call ${number}`)))
      const answers = await Promise.all(bodies.map((body) => client.call('bench', 'echo', body)))
      assert.deepEqual(answers.map(String), bodies.map(String))
      const lanes = connection.streams.filter(({ protocol }) => protocol === '/atoll/main/rpc/1')
      assert.equal(lanes.length, 1)
    })

    await t.test('go in large bodies', async () => {
      for (const length of [0, 64 * 1024, 64 * 1024 + 1, 1024 * 1024]) {
        const body = new Uint8Array(randomBytes(length))
        assert.ok(Buffer.from(await client.call('bench', 'echo', body)).equals(body), `${length} bytes`)
      }
    })

    await t.test('come in a stream, as fast as the program takes them', async () => {
      const wanted = 3 * 1024 * 1024 + 1
      const chunks = await all(client.stream('bench', 'download', asked(wanted)))
      assert.equal(chunks.reduce((sum, { length }) => sum + length, 0), wanted)
    })
  })
}

test('a client of another network is told that there is none', async (t) => {
  const { connection } = await ofBench(t)
  const client = new AtollClient(connection, { network: 'home' })
  await assert.rejects(client.call('system', 'ping'), failsWith('unavailable', /\/atoll\/home\/rpc\/1/))
})

test('calls that are under way fail when the node dies', async (t) => {
  const { node, client } = await ofService(t)
  const lingering = client.call('interop', 'linger', null, { deadline: 0 })
  lingering.catch(() => {})
  await assert.rejects(async () => {
    for await (const number of client.stream('interop', 'trickle')) {
      assert.equal(number, 1)
      node.stop()
    }
  }, failsWith('unavailable', /ended/))
  await assert.rejects(lingering, failsWith('unavailable', /ended/))
  await assert.rejects(client.call('system', 'ping'), failsWith('unavailable', /./))
})
