import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { createVolume, groupId, owner, readSnapshot, snapshotOf } from "../conformance/fixtures.ts";
import { assertOneInstant } from "../conformance/skew.ts";
import { ExtentStore } from "./extentstore.ts";
import { memoryDir } from "./testing/memory-dir.ts";

const writes = 200;
const groups = 12;

interface Writer {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly volumeIds: readonly string[];
}

const writerTo = async (dir: string, volumeIds: readonly string[]): Promise<Writer> => {
  const child = fork(new URL("testing/numberer.ts", import.meta.url), [dir, `${writes}`, ...volumeIds]);
  const ended = once(child, "exit");
  await once(child, "message");
  return { child, ended, volumeIds };
};

test("a group is of one instant while two processes write to its volumes", async () => {
  const dir = await memoryDir("instant");
  const store = await ExtentStore.open(dir);
  const volumeIds: string[] = [];
  for (let n = 0; n < 6; n++) volumeIds.push(await createVolume(store, { name: `v${n}` }));
  const writers = await Promise.all([writerTo(dir, volumeIds.slice(0, 3)), writerTo(dir, volumeIds.slice(3))]);
  try {
    for (const { child } of writers) child.send("begin");
    const [first] = writers;
    for (let group = 1; group <= groups; group++) {
      await once(first.child, "message");
      await store.snapshotGroup({ groupId: groupId(group), owner, volumeIds });
    }
    await Promise.all(writers.map(({ ended }) => ended));
    for (let group = 1; group <= groups; group++) {
      for (const writer of writers) {
        const volumes: Buffer[] = [];
        for (const id of writer.volumeIds) {
          volumes.push(await readSnapshot(store, await snapshotOf(store, groupId(group), id)));
        }
        assertOneInstant(volumes);
      }
    }
  } finally {
    for (const { child } of writers) child.kill("SIGKILL");
    await store.close();
    await rm(dir, { recursive: true });
  }
});
