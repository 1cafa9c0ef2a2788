import { type ChildProcess, fork } from "node:child_process";
import { on, once } from "node:events";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { createVolume, groupId, owner, readSnapshot, snapshotOf } from "../conformance/fixtures.ts";
import { assertOneInstant, blockBytes } from "../conformance/skew.ts";
import { ExtentStore } from "./extentstore.ts";
import { memoryDir } from "./testing/memory-dir.ts";

const volumesEach = 3;
const volumeBytes = 4 * 1024 * 1024;
const writesMax = volumesEach * (volumeBytes / blockBytes);
const groups = 16;
/** So many writes of one process come between two groups at least. */
const writesBetween = 5;

interface Writer {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly volumeIds: readonly string[];
}

const writerTo = async (dir: string, volumeIds: readonly string[]): Promise<Writer> => {
  const child = fork(new URL("testing/numberer.ts", import.meta.url), [dir, `${writesMax}`, ...volumeIds]);
  const ended = once(child, "exit");
  await once(child, "message");
  return { child, ended, volumeIds };
};

/** Waits until a process has written so many numbers. */
const hasWritten = async ({ child }: Writer, number: number): Promise<void> => {
  for await (const [written] of on(child, "message") as AsyncIterable<[number]>) if (written >= number) return;
};

test("a group is of one instant while two processes write to its volumes", async () => {
  const dir = await memoryDir("instant");
  const store = await ExtentStore.open(dir);
  const volumeIds: string[] = [];
  for (let n = 0; n < 2 * volumesEach; n++)
    volumeIds.push(await createVolume(store, { name: `v${n}`, sizeBytes: volumeBytes }));
  const writers = await Promise.all([
    writerTo(dir, volumeIds.slice(0, volumesEach)),
    writerTo(dir, volumeIds.slice(volumesEach)),
  ]);
  try {
    for (const { child } of writers) child.send("begin");
    const [first] = writers;
    for (let group = 1; group <= groups; group++) {
      await hasWritten(first, group * writesBetween);
      await store.snapshotGroup({ groupId: groupId(group), owner, volumeIds });
    }
    for (const { child } of writers) child.send("end");
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
