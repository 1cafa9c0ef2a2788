import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import { extentsMax } from "../../core/api/object/volume-shape.ts";
import { manualTime, settle } from "../agent/testing.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { paths } from "./protocol.ts";
import { createReceiver } from "./receiver.ts";
import { site } from "./testing/credentials.ts";
import { createMemoryLog } from "./testing/memory-log.ts";
import { owner, runOf } from "./testing/two-sites.ts";

const never = () => assert.fail("nobody was to call this");
const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };

/** A peer that asks about its mirror, and reads what it is answered when it pleases. */
const ask = (
  receiver: ReturnType<typeof createReceiver>,
  siteId: string,
  path = paths.digests(`mirror-of-${siteId}`, 1),
) => {
  const response = Object.assign(new EventEmitter(), {
    closed: false,
    writeHead: () => undefined,
    end: (text: string) => {
      told.answer = text;
    },
  });
  const told: { answer?: string; error?: unknown; read: () => void } = { read: () => void response.emit("close") };
  const request = { method: "GET", url: path };
  const identity: PeerIdentity = {
    multiCluster: site("mc"),
    siteId: site(siteId),
    gatewayId: gatewayIdSchema.parse(`${siteId}-1`),
  };
  const watch = { signal: new AbortController().signal, onMoved: () => undefined };
  receiver
    .handler(request as IncomingMessage, response as unknown as ServerResponse, identity, watch)
    .catch((error: unknown) => {
      told.error = error;
    });
  return told;
};

const setUp = () => {
  const time = manualTime();
  const storage: Partial<StorageDriver> = {
    findMirrorVolume: async (id) => ({
      ...{ owner, sizeBytes: extentsMax * 65_536, geometry },
      grant: { ...runOf(1), sender: site(id.replace("mirror-of-", "")) },
    }),
    mirrorDigests: async () => new Array(extentsMax).fill(null),
  };
  const workers = { apply: never, signature: async () => new Uint8Array(16) };
  const receiver = createReceiver({ storage: storage as StorageDriver, workers, time, log: createMemoryLog() });
  return { time, receiver };
};

test("answers that nobody reads are a few in memory, and keep none from another site", async () => {
  const { time, receiver } = setUp();
  const signature = (siteId: string) =>
    ask(receiver, siteId, paths.signature({ mirrorVolumeId: `mirror-of-${siteId}`, extent: 0, epoch: 1 }));
  const greedy = Array.from({ length: 500 }, () => signature("a"));
  const answered = () => greedy.filter(({ answer }) => answer !== undefined).length;
  await settle();
  assert.equal(answered(), 24);
  const other = signature("c");
  await settle();
  assert.ok(other.answer !== undefined);
  other.read();
  greedy[0]?.read();
  await settle();
  assert.equal(answered(), 25);
  await time.advance(15_000);
  assert.equal(greedy.filter(({ error }) => VisibleError.is(error, "TIMEOUT")).length, 475);
  const health = ask(receiver, "a", paths.health);
  await settle();
  assert.equal(health.answer, '{"status":"ok"}');
});

test("digests that nobody reads are a few in memory, and keep none from another site", async () => {
  const { time, receiver } = setUp();
  const greedy = Array.from({ length: 20 }, () => ask(receiver, "a"));
  await settle();
  assert.equal(greedy.filter(({ answer }) => answer !== undefined).length, 4);
  const other = ask(receiver, "c");
  await settle();
  assert.equal(JSON.parse(other.answer ?? "").digests.length, Math.ceil((extentsMax * 32) / 3) * 4);
  other.read();
  greedy[0]?.read();
  await settle();
  assert.equal(greedy.filter(({ answer }) => answer !== undefined).length, 5);
  await time.advance(15_000);
  const late = greedy.filter(({ error }) => VisibleError.is(error, "TIMEOUT"));
  assert.equal(late.length, 15);
});
