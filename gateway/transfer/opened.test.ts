import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { groupIdOf, instantSchema, planIdSchema, runIdOf, siteIdSchema } from "../../core/api/ids.ts";

import type { WantedSnapshot } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { holdingBoth, type OpenedSnapshots } from "./opened.ts";
import { createMemoryLog } from "./testing/memory-log.ts";

const planId = planIdSchema.parse("plan_01ARZ3NDEKTSV4RRFFQ69G5FAV");
const owner = { planId, source: siteIdSchema.parse("a") };
const baseGroupId = groupIdOf(runIdOf(planId, instantSchema.parse("2026-01-01T01:00:00.000Z")));
const wantedOf = (snapshotId: string): WantedSnapshot => ({ snapshotId, of: { groupId: baseGroupId, owner } });
const both = { snapshot: wantedOf("now"), base: wantedOf("before"), baseGroupId, mirrorVolumeId: "m" };

/** A storage that says what was opened and closed, where some can't be opened. */
const storageWith = (failing: Readonly<Record<string, VisibleError>> = {}) => {
  const calls: string[] = [];
  const driver = {
    openSnapshot: async (wanted: WantedSnapshot) => {
      const id = "snapshotId" in wanted ? wanted.snapshotId : "";
      const error = failing[id];
      if (error !== undefined) throw error;
      calls.push(`open ${id}`);
      return { snapshotId: id, sizeBytes: 1, geometry: { extentBytes: 1, stripeCount: 1, stripeBytes: 1 } };
    },
    closeSnapshot: async ({ snapshotId }: { readonly snapshotId: string }) => void calls.push(`close ${snapshotId}`),
  };
  return { calls, storage: driver as unknown as StorageDriver };
};

const baseOf = async (opening: Promise<OpenedSnapshots>) => (await opening).base;

describe("a transfer's snapshots", () => {
  test("are open while they are read, and closed whatever comes of it", async () => {
    for (const comesOfIt of ["it is done", "it breaks"]) {
      const { calls, storage } = storageWith();
      const work = async (opening: Promise<OpenedSnapshots>) => {
        const opened = await opening;
        assert.deepEqual([opened.snapshot.snapshotId, opened.base?.snapshotId], ["now", "before"]);
        assert.deepEqual(calls, ["open now", "open before"]);
        if (comesOfIt === "it breaks") throw new Error(comesOfIt);
        return comesOfIt;
      };
      const holding = holdingBoth({ storage, log: createMemoryLog() }, both, work);
      if (comesOfIt === "it breaks") await assert.rejects(holding, /it breaks/);
      else assert.equal(await holding, comesOfIt);
      assert.deepEqual(calls.slice(2).toSorted(), ["close before", "close now"]);
    }
  });

  test("are not read, and the other one is closed, where one is another plan's", async () => {
    for (const [theirs, other] of [
      ["before", "now"],
      ["now", "before"],
    ] as const) {
      const { calls, storage } = storageWith({ [theirs]: new VisibleError("NOT_OURS", "It is another plan's.") });
      await assert.rejects(holdingBoth({ storage, log: createMemoryLog() }, both, baseOf), { code: "NOT_OURS" });
      assert.deepEqual(calls, [`open ${other}`, `close ${other}`]);
    }
  });

  test("are closed where whoever would read them gives up before they are open", async () => {
    const { calls, storage } = storageWith();
    const failing = () => Promise.reject(new Error("the target refuses"));
    await assert.rejects(holdingBoth({ storage, log: createMemoryLog() }, both, failing), /the target refuses/);
    assert.deepEqual(calls.toSorted(), ["close before", "close now", "open before", "open now"]);
  });

  test("are one where the base is lost, which is said", async () => {
    for (const code of ["SNAPSHOT_UNKNOWN", "STORE_CORRUPT", undefined] as const) {
      const { storage } = storageWith(code && { before: new VisibleError(code, "It is gone.") });
      const wanted = code === undefined ? { ...both, base: null } : both;
      const log = createMemoryLog();
      assert.equal(await holdingBoth({ storage, log }, wanted, baseOf), null);
      assert(log.lines.some(({ message }) => message.includes("no longer has the base")));
    }
  });

  test("are one where there is no base", async () => {
    const { calls, storage } = storageWith();
    const log = createMemoryLog();
    const wanted = { ...both, base: null, baseGroupId: null };
    assert.equal(await holdingBoth({ storage, log }, wanted, baseOf), null);
    assert.deepEqual([calls, log.lines.length], [["open now", "close now"], 0]);
  });
});
