// Adds a post to a tenant's inbox and waits for the answer.
//
//     npm install && npx tsc
//     export INBOX_URL=redis://inbox-acme:PASSWORD@127.0.0.1:6379 TENANT=acme
//     node producer.js launch-2026 '{"brandSlug": "acme", "text": "Hello", "platforms": ["x"]}'
//
// The key is yours, one for each post: whatever happens, add the post again under the same key, and
// it is one post. Exit code 0: accepted, 1: refused, 2: no answer yet.

import { createClient, ErrorReply } from "redis";
import { setTimeout as pause } from "node:timers/promises";

const INBOX = `postfleet:inbox:${process.env.TENANT}`;
const ANSWERS = `${INBOX}:results`;
const TRIES = 8;
const ANSWER_WITHIN_MS = 60_000;

interface Answer {
  success: boolean;
}

interface Stream {
  messages: { id: string; message: Record<string, string> }[];
}

const connect = () =>
  createClient({
    url: process.env.INBOX_URL,
    // A command that was sent is never sent again behind our back.
    disableOfflineQueue: true,
    socket: { reconnectStrategy: (attempt) => Math.min(100 * 2 ** attempt, 5_000) },
  });

/** Calls until it works; a full Redis or a lost connection is waited for. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (why) {
      const isOurs = why instanceof ErrorReply && !why.message.startsWith("OOM");
      if (isOurs || attempt === TRIES) throw why;
      console.error(`again, because of: ${why}`);
      await pause(Math.min(100 * 2 ** attempt, 5_000));
    }
  }
}

/** Adds the post, and returns what the fleet answers to its key; null when it does not yet. */
async function publish(
  inbox: ReturnType<typeof connect>,
  key: string,
  post: unknown,
): Promise<Answer | null> {
  const newest = await again(() => inbox.xRevRange(ANSWERS, "+", "-", { COUNT: 1 }));
  let seen = newest?.[0]?.id ?? "0";
  await again(() => inbox.xAdd(INBOX, "*", { key, post: JSON.stringify(post) }));
  const until = Date.now() + ANSWER_WITHIN_MS;
  while (Date.now() < until) {
    const read = await again(() => inbox.xRead({ key: ANSWERS, id: seen }, { BLOCK: 1_000 }));
    for (const stream of (read ?? []) as unknown as Stream[]) {
      for (const { id, message } of stream.messages) {
        seen = id;
        if (message.key === key) return JSON.parse(message.answer) as Answer;
      }
    }
  }
  return null;
}

const [key, post] = process.argv.slice(2);
const inbox = connect();
inbox.on("error", () => {
  // The call that is under way tells of it.
});
await inbox.connect();
const answer = await publish(inbox, key, JSON.parse(post));
console.log(JSON.stringify(answer));
inbox.destroy();
process.exitCode = answer === null ? 2 : answer.success ? 0 : 1;
