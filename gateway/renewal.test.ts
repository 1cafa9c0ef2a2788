import assert from "node:assert/strict";
import { test } from "node:test";
import { followCredentials, lookMs } from "./renewal.ts";
import type { Time } from "./time.ts";
import { createMemoryLog } from "./transfer/testing/memory-log.ts";
import type { TlsCredentials } from "./tunnel/certificates.ts";

const of = (name: string): TlsCredentials => ({ caPem: "ca", certificatePem: name, keyPem: name });

/** Lets each look find the next of these, and gives what was renewed and logged. */
const following = async (looks: readonly (TlsCredentials | Error)[]) => {
  const stop = new AbortController();
  const log = createMemoryLog();
  const renewed: string[] = [];
  const left = [...looks];
  const time: Time = {
    nowMs: () => 0,
    sleep: async (ms) => {
      assert.equal(ms, lookMs);
      if (left.length === 0) stop.abort();
    },
  };
  await followCredentials({
    current: of("old"),
    load: async () => {
      const next = left.shift();
      assert(next !== undefined);
      if (next instanceof Error) throw next;
      return next;
    },
    renew: async ({ certificatePem }) => void renewed.push(certificatePem),
    time,
    log,
    signal: stop.signal,
  });
  return { renewed, messages: log.lines.map(({ level, message }) => `${level}: ${message}`) };
};

test("a renewed certificate is taken up once it has stayed the same, and once", async () => {
  const { renewed, messages } = await following([of("old"), of("new"), of("newer"), of("newer"), of("newer")]);
  assert.deepEqual(renewed, ["newer"]);
  assert.deepEqual(messages, ["info: the certificate was renewed"]);
});

test("files that can't be used leave the old certificate, and the log says so", async () => {
  const { renewed, messages } = await following([new Error("half"), of("new"), of("new")]);
  assert.deepEqual(renewed, ["new"]);
  assert.equal(messages[0], "warn: the certificate's files can't be used; the old ones stay");
});
