import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { GroupId } from "../../../core/api/ids.ts";
import { createVolume, prepareMirror, readSnapshot, readVolume, sourceObject } from "../conformance/fixtures.ts";
import type { StorageDriver } from "../driver.ts";
import { ExtentStore } from "./extentstore.ts";
import { checkConsistency } from "./testing/consistency.ts";
import { applyStep, importedBytes, mirrorGroup, sourceGroup, volumeBytes } from "./testing/steps.ts";
import { checkVm } from "./testing/vm-steps.ts";

const rounds = 10;
/** Seven to a step. */
const promisesMax = 50;
/** About as long as what comes between two promises. */
const lastMsMax = 20;

/**
 * Lets a process live on the store until it has kept so many promises and a little more, and kills
 * it. Its life is measured in what it has done, so on a busy machine it is no shorter. @returns the
 * lines it said
 */
const liveAndDie = async (args: readonly string[]): Promise<string[]> => {
  const child = spawn(process.execPath, [new URL("testing/liver.ts", import.meta.url).pathname, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  // The instant of death is the one thing here that is left to chance.
  const promises = 1 + Math.floor(Math.random() * promisesMax);
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const before = linesOf(said).length;
    said += chunk;
    if (before >= promises || linesOf(said).length < promises) return;
    setTimeout(() => child.kill("SIGKILL"), Math.random() * lastMsMax);
  });
  await closed;
  assert.equal(child.signalCode, "SIGKILL");
  return linesOf(said);
};

const linesOf = (said: string): string[] => said.split("\n").slice(0, -1);

/** The last step that the process said `what` of, or -1. */
const lastOf = (said: readonly string[], what: string): number =>
  said.filter((line) => line.startsWith(what)).reduce((last, line) => Math.max(last, Number(line.split(" ")[1])), -1);

const checkGroup = async (
  driver: StorageDriver,
  id: GroupId,
  options: { must: boolean; content: Buffer | undefined },
) => {
  const group = await driver.findGroup(id);
  if (options.must) assert(group !== undefined, `${id} was promised and is gone`);
  for (const { snapshotId } of group?.snapshots ?? []) {
    assert(options.content?.equals(await readSnapshot(driver, snapshotId)), `${id} isn't what it was taken of`);
  }
};

test("a store whose process is killed at any instant has all that was promised, and nothing half", async () => {
  const dir = await mkdtemp(join(tmpdir(), "extentstore-crash-"));
  try {
    const store = await ExtentStore.open(dir);
    const volumeIds = [await createVolume(store, { name: "one" }), await createVolume(store, { name: "two" })];
    const importedVolumeId = await createVolume(store, { name: "imported" });
    const mirrorVolumeId = await prepareMirror(store, sourceObject());
    await store.close();
    const states: Buffer[] = [];
    const stateAfter = (n: number): Buffer => {
      while (states.length <= n) {
        const state = Buffer.from(states.at(-1) ?? Buffer.alloc(volumeBytes));
        applyStep(state, states.length);
        states.push(state);
      }
      return states[n] ?? Buffer.alloc(volumeBytes);
    };
    let first = 0;
    let lastImported = -1;
    const vm = { published: -1, rebuilt: -1 };
    for (let round = 0; round < rounds; round++) {
      const said = await liveAndDie([dir, String(first), mirrorVolumeId, importedVolumeId, ...volumeIds]);
      const driver = await ExtentStore.open(dir);
      for (const volumeId of volumeIds) {
        const promised = said.filter((line) => line.endsWith(volumeId));
        const written = Math.max(lastOf(promised, "written"), first - 1);
        const content = await readVolume(driver, volumeId);
        assert(
          content.equals(stateAfter(written)) || content.equals(stateAfter(written + 1)),
          `${volumeId} is neither what was flushed at step ${written} nor what was being flushed`,
        );
      }
      lastImported = Math.max(lastOf(said, "imported"), lastImported);
      const imported = await readVolume(driver, importedVolumeId);
      const importing = Math.max(lastOf(said, "deleted"), lastImported);
      assert(
        imported.equals(importedBytes(lastImported)) || imported.equals(importedBytes(importing)),
        `the imported volume is neither the image of step ${lastImported} nor that of step ${importing}`,
      );
      if (imported.equals(importedBytes(importing))) lastImported = importing;
      vm.published = Math.max(lastOf(said, "vmPublished"), vm.published);
      vm.rebuilt = Math.max(lastOf(said, "vmRebuilt"), vm.rebuilt);
      await checkVm(driver, vm);
      const last = Math.max(lastOf(said, "deleted"), first - 1);
      for (let n = Math.max(0, last - 5); n <= last + 1; n++) {
        const kept = n > last + 1 - 3;
        const snapshotted = kept && n <= Math.max(lastOf(said, "snapshot"), last);
        const published = kept && n <= Math.max(lastOf(said, "published"), last);
        await checkGroup(driver, sourceGroup(n), { must: snapshotted, content: stateAfter(n) });
        await checkGroup(driver, mirrorGroup(n), { must: published, content: stateAfter(n) });
      }
      await driver.close();
      checkConsistency(dir);
      first = last + 1;
    }
    assert(first > 1, "no round got through a step");
  } finally {
    await rm(dir, { recursive: true });
  }
});
