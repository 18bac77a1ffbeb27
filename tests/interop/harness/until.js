// Waiting for a condition, never for a time.

import { setTimeout as sleep } from 'node:timers/promises'

/** How long anything may take that is not about speed, in milliseconds. Generous: the tests share few processors. */
export const PATIENCE = 30_000
/** How long to let things happen before asking again. */
const PAUSE = 50

/** Asks until there is an answer, and gives that; `what` is for the message if none comes in time. */
export async function until (what, ask) {
  const end = Date.now() + PATIENCE
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`waited ${PATIENCE / 1000} s in vain for this: ${what}`)
    await sleep(PAUSE)
  }
}
