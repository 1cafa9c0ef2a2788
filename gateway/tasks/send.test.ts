import assert from "node:assert/strict";
import { test } from "node:test";
import { recordingLog } from "../agent/testing.ts";
import { hangingStorage } from "../storage/testing-hanging.ts";
import type { Tunnel } from "../tunnel/tunnel.ts";
import { createSendVolume } from "./send.ts";
import { groupId, planId, siteA, siteB } from "./testing.ts";

const unused = () => assert.fail("no job is done here");

test("what a peer takes and answers is movement of the task, and the storage is the task's own", async () => {
  const seen: Parameters<Tunnel["connect"]>[0][] = [];
  const closed: string[] = [];
  const connect: Tunnel["connect"] = async (options) => {
    seen.push(options);
    const request = async () => ({ epoch: 1, done: [], complete: false });
    const peer = { siteId: siteB, request, upload: unused, reconnect: unused };
    return { ...peer, close: async () => void closed.push("peer") };
  };
  const send = createSendVolume({
    ...{ workers: { scan: unused, compare: unused }, tunnel: { connect }, extentsInFlight: 1 },
    throttles: { to: () => ({ take: unused }) },
  });
  const storage = hangingStorage();
  const stop = new AbortController();
  const onMoved = () => undefined;
  const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };
  const shape = { snapshotId: "s1", sizeBytes: 65_536, geometry };
  const sending = send(
    {
      ...{ shape, opening: Promise.resolve({ snapshot: shape, base: null }), mirrorVolumeId: "m1" },
      owner: { planId, source: siteA },
      ...{ receiver: siteB, groupId, sequence: 1, baseGroupId: null, endpoints: ["b:1"] },
      compression: { enabled: true, level: 1, dictionary: true },
    },
    {
      ...{ storage: storage.driver, log: recordingLog(), signal: stop.signal, onMoved },
      ...{ onProgress: unused, onAcknowledged: unused },
    },
  );
  await new Promise(setImmediate);
  assert.equal(seen[0]?.onMoved, onMoved);
  storage.named("readSnapshot").end(Promise.reject(new Error("the storage is the one that was given")));
  await assert.rejects(sending, /the one that was given/);
  assert.deepEqual(closed, ["peer"]);
});
