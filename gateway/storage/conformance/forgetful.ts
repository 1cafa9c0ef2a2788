import type { Owner } from "../control.ts";
import type { StorageDriver } from "../driver.ts";

/** The calls that are made for an owner. */
export const ownerCalls = [
  "snapshotGroup",
  "listGroups",
  "newestSourceGroup",
  "lastSequences",
  "deleteGroup",
  "openSnapshot",
  "prepareMirror",
  "openMirror",
  "abortGroup",
  "dropStaged",
  "publishGroup",
  "rebuildObject",
  "deleteRebuilt",
] as const;
export type OwnerCall = (typeof ownerCalls)[number];

/**
 * A driver that is wrong: in these calls it takes every owner for one whose `half` is the same, as
 * one would that keeps, or compares, only the other half of the tag. For tests of the tests.
 */
export const forgetful = (
  driver: StorageDriver,
  { half, calls }: { readonly half: Partial<Owner>; readonly calls: readonly OwnerCall[] },
): StorageDriver => {
  const as = (call: OwnerCall, owner: Owner): Owner => (calls.includes(call) ? { ...owner, ...half } : owner);
  const of = <Options extends { readonly owner: Owner }>(call: OwnerCall, options: Options): Options => ({
    ...options,
    owner: as(call, options.owner),
  });
  return {
    ...driver,
    snapshotGroup: (options, call) => driver.snapshotGroup(of("snapshotGroup", options), call),
    listGroups: (owner, call) => driver.listGroups(as("listGroups", owner), call),
    newestSourceGroup: (owner, call) => driver.newestSourceGroup(as("newestSourceGroup", owner), call),
    lastSequences: (options, call) => driver.lastSequences(of("lastSequences", options), call),
    deleteGroup: (options, call) => driver.deleteGroup(of("deleteGroup", options), call),
    openSnapshot: (wanted, call) =>
      driver.openSnapshot(wanted.of === "anybody" ? wanted : { ...wanted, of: of("openSnapshot", wanted.of) }, call),
    prepareMirror: (options, call) => driver.prepareMirror(of("prepareMirror", options), call),
    openMirror: (options, call) => driver.openMirror(of("openMirror", options), call),
    abortGroup: (options, call) => driver.abortGroup(of("abortGroup", options), call),
    dropStaged: (options, call) => driver.dropStaged(of("dropStaged", options), call),
    publishGroup: (options, call) => driver.publishGroup(of("publishGroup", options), call),
    rebuildObject: (options, call) => driver.rebuildObject(of("rebuildObject", options), call),
    deleteRebuilt: (options, call) => driver.deleteRebuilt(of("deleteRebuilt", options), call),
  };
};
