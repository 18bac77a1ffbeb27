// Real Atoll nodes, as processes of their own, each with a directory of its own that goes with it.

import { execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { until } from './until.js'

/** Where the programs are. */
const PROGRAMS = process.env.ATOLL_PROGRAMS ?? fileURLToPath(new URL('../../../target/debug', import.meta.url))

const LOOPBACK = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/0/quic-v1']
/** Lines that are kept of what a program says on stderr. */
const COMPLAINTS = 200

/** What a developer has set up for an own node is not for these. */
const ENVIRONMENT = { ...process.env, NO_COLOR: '1' }
delete ENVIRONMENT.ATOLL_BOOTSTRAP
delete ENVIRONMENT.ATOLL_DATA_DIR

/** With it a process ends with the one that started it, however that ends. */
function guard () {
  try {
    execFileSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' })
    return ['setpriv', '--pdeathsig', 'KILL']
  } catch {
    return []
  }
}

const GUARD = guard()

/** A node that runs and listens, over TCP and over QUIC. */
export class AtollNode {
  #process
  #directory = mkdtempSync(join(tmpdir(), 'atoll-interop-'))
  #network
  #complaints = []
  #ended
  /** What it has reported so far: one object for each event. */
  events = []

  constructor (program, { network = 'main', peers = [], more = [] } = {}) {
    this.#network = network
    const joining = program === 'node' || peers.length > 0 ? ['--peer', ...peers] : []
    const options = [...joining, ...this.#common(), ...LOOPBACK.flatMap((address) => ['--listen', address]), '--no-mdns', ...more]
    const command = [...GUARD, join(PROGRAMS, program), ...(program === 'interop_service' ? peers : options)]
    this.#process = spawn(command[0], command.slice(1), { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#ended = new Promise((resolve) => {
      this.#process.once('error', (error) => { this.#complain(error.message); resolve() })
      this.#process.once('exit', resolve)
    })
    createInterface({ input: this.#process.stdout }).on('line', (line) => this.events.push(JSON.parse(line)))
    createInterface({ input: this.#process.stderr }).on('line', (line) => this.#complain(line))
  }

  #common () {
    return ['--data-dir', this.#directory, '--network', this.#network, '--output', 'json']
  }

  #complain (line) {
    this.#complaints.push(line)
    this.#complaints.splice(0, this.#complaints.length - COMPLAINTS)
  }

  /** Waits for an event of this name that fits. */
  async event (name, fits = () => true) {
    return until(`${name} of a node`, () => {
      if (this.#process.exitCode !== null || this.#process.pid === undefined) {
        throw new Error(`it has ended before '${name}': ${this.#complaints.join('\n')}`)
      }
      return this.events.find((event) => event.event === name && fits(event))
    })
  }

  /** Waits until it listens. */
  async listening () {
    this.id = (await this.event('started')).node
    this.tcp = (await this.event('listening', ({ address }) => address.includes('/tcp/'))).address
    this.quic = (await this.event('listening', ({ address }) => address.includes('/quic-v1'))).address
    return this
  }

  /** What the command `node …` says about it, as an object; throws what it complains of. */
  async ask (...command) {
    const [program, ...more] = [join(PROGRAMS, 'node'), ...this.#common(), ...command]
    const { stdout } = await promisify(execFile)(program, more, { env: ENVIRONMENT })
    return JSON.parse(stdout)
  }

  /** Whom it lists, by id. */
  async nodes () {
    return (await this.ask('network', 'nodes')).map(({ node }) => node)
  }

  async stop () {
    this.#process.kill('SIGKILL')
    await this.#ended
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/**
 * Starts a node that is stopped when the test `t` is over. Options: `network`; `peers`, addresses to join through; `more`, further
 * options of the program.
 */
export async function startNode (t, options = {}, program = 'node') {
  const node = new AtollNode(program, options)
  t.after(() => node.stop())
  return node.listening()
}

/** The same for `atoll-bootstrap`. */
export const startBootstrap = (t, options) => startNode(t, options, 'atoll-bootstrap')

/** The same for a node that offers the service `interop`: tests/src/bin/interop_service. It takes `peers` alone, and no commands. */
export async function startService (t, options) {
  const node = await startNode(t, options, 'interop_service')
  await node.event('offered')
  return node
}
