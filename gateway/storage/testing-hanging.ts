import assert from "node:assert/strict";
import type { ClusterAdministration } from "./administration.ts";
import type { StorageCall } from "./call.ts";
import type { StorageDriver } from "./driver.ts";

/** A call that was made, and how it can be ended. */
export interface HangingCall {
  readonly name: string;
  readonly call: StorageCall;
  readonly end: (value?: unknown) => void;
}

const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };
/** Each of the driver's, or the compiler says which is missing. */
const hangingCalls: Record<Exclude<keyof StorageDriver, "kind" | "administration">, true> = {
  caps: true,
  facilities: true,
  findObjects: true,
  findMirrorVolume: true,
  newestSourceGroup: true,
  lastSequences: true,
  standIns: true,
  inventory: true,
  createVolume: true,
  openVolume: true,
  stageVolume: true,
  renameVolume: true,
  deleteVolume: true,
  snapshotGroup: true,
  findGroup: true,
  listGroups: true,
  deleteGroup: true,
  snapshotShape: true,
  openSnapshot: true,
  readSnapshot: true,
  closeSnapshot: true,
  prepareMirror: true,
  openMirror: true,
  openMirrorExtent: true,
  mirrorDigests: true,
  completeMirror: true,
  abortGroup: true,
  dropStaged: true,
  releaseMirrors: true,
  spaceOf: true,
  isAborted: true,
  publishGroup: true,
  manifests: true,
  foreignGroups: true,
  foreignManifest: true,
  objectOfGroup: true,
  rebuildObject: true,
  rebuildObstacles: true,
  rebuildWays: true,
  guestAnswers: true,
  deleteRebuilt: true,
  changesSince: true,
  powerOff: true,
  powerOn: true,
  rollback: true,
  undoRollback: true,
  unfinishedRollbacks: true,
  damage: true,
  tend: true,
  close: true,
};
const driverCalls = Object.keys(hangingCalls) as (keyof typeof hangingCalls)[];

const administrationCalls: readonly (keyof ClusterAdministration)[] = [
  ...([
    "createObjects",
    "updateObject",
    "losses",
    "deleteObject",
    "describeFacility",
    "deleteFacility",
    "setPower",
    "setLabels",
  ] as const),
];

/**
 * A storage of which every call hangs, or those that `hangs` names, and what it was asked for. The
 * others answer with what `answers` has for them, or something that was opened.
 */
export const hangingStorage = (
  hangs: (name: string) => boolean = () => true,
  answers: Readonly<Record<string, unknown>> = {},
) => {
  const calls: HangingCall[] = [];
  const object = (names: readonly string[], fixed: object = {}): object =>
    Object.assign(
      Object.fromEntries(
        names.map((name) => [
          name,
          (...args: readonly unknown[]) => {
            const { promise, resolve } = Promise.withResolvers<unknown>();
            calls.push({ name, call: args.at(-1) as StorageCall, end: resolve });
            if (!hangs(name)) resolve(answers[name] ?? handles[name]?.());
            return promise;
          },
        ]),
      ),
      fixed,
    );
  const shape = { sizeBytes: 1, geometry };
  const handles: Record<string, () => object> = {
    openVolume: () => object(["read", "write", "zero", "flush", "close"], shape),
    stageVolume: () => object(["read", "write", "zero", "flush", "swapIn", "close"], shape),
    snapshotShape: () => ({ snapshotId: "s", ...shape }),
    openSnapshot: () => ({ snapshotId: "s", ...shape }),
    readSnapshot: () => object(["read", "extentMap", "extentBlocks", "extentDigests", "close"], shape),
    openMirrorExtent: () =>
      object(["write", "zero", "writeStored", "readBase", "baseHashes", "blockHashes", "commit", "discard"]),
  };
  return {
    driver: object(driverCalls, { kind: "hanging", administration: object(administrationCalls) }) as StorageDriver,
    calls,
    /** The last call of a name. */
    named: (name: string): HangingCall => {
      const found = calls.findLast((call) => call.name === name);
      assert.ok(found, `${name} was not called`);
      return found;
    },
    /** What a call that opens something gives. */
    openable: (name: string) => handles[name]?.(),
  };
};
