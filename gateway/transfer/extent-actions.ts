import { setImmediate } from "node:timers/promises";
import type { ExtentToken } from "../storage/volume-io.ts";
import type { ScanJob } from "./diff/scan.ts";
import type { Numbers } from "./ranges.ts";

/**
 * What is to be done with an extent:
 *
 * - `done`       the target committed it for this group before
 * - `unchanged`  the same data as in the base
 * - `hole`       nothing here and nothing there
 * - `zero`       nothing here, and the target may have something: it becomes zeros
 * - `diff`       compared with the base; what differs is sent
 * - `match`      compared with what the target says of its extent; what it has nowhere is sent
 * - `full`       all that is not zero is sent; also where the target knows of damage
 */
export type ExtentAction = "done" | "unchanged" | "hole" | "zero" | "diff" | "match" | "full";

/** Tokens of the extents, or undefined where the cluster can't tell. */
export type ExtentMap = readonly ExtentToken[] | undefined;

/** What the target starts from, and whether the source can still read it. */
export type TargetBase =
  /** The target has nothing: it is all zeros. */
  | { readonly kind: "none" }
  /** The target has the base group, and the source its snapshot, of `count` extents. */
  | { readonly kind: "readable"; readonly map: ExtentMap; readonly count: number }
  /** The target has the base group, and the source does not any more. */
  | { readonly kind: "lost" };

/** Pure. Of any of the extents; `done` and `damaged` are indices of extents. */
export const extentActions =
  (options: {
    readonly map: ExtentMap;
    readonly base: TargetBase;
    readonly done: Numbers;
    /** What the target has there is damaged, whatever it was. */
    readonly damaged: Numbers;
  }) =>
  (extent: number): ExtentAction => {
    const token = options.map?.[extent];
    if (options.damaged.has(extent)) return token === null ? "zero" : "full";
    return options.done.has(extent) ? "done" : actionOf(token, options.base, extent);
  };

/** `token` undefined: there is no map. */
const actionOf = (token: ExtentToken | undefined, base: TargetBase, extent: number): ExtentAction => {
  if (base.kind === "none") return token === null ? "hole" : "full";
  if (base.kind === "lost") return token === null ? "zero" : "match";
  // A volume that grew has extents that its base has not.
  const baseToken = extent < base.count ? base.map?.[extent] : null;
  if (token === null) return baseToken === null ? "hole" : "zero";
  if (baseToken === null) return "full";
  return token !== undefined && token === baseToken ? "unchanged" : "diff";
};

export interface ExtentToSend extends Pick<ScanJob, "extent" | "how" | "isBegun"> {}

/** What there is to do for a volume, and what is to be counted before anything is done. */
export interface ExtentsAhead {
  /** Those that have to be looked at, in order. */
  readonly open: readonly ExtentToSend[];
  readonly settled: { readonly extentsDone: number; readonly extentsUnchanged: number; readonly extentsHole: number };
}

/** What does the same to whatever the target has there. */
const sendingOf = (action: ExtentAction): ExtentAction =>
  action === "hole" ? "zero" : action === "unchanged" ? "diff" : action;

/** A volume has up to 2^18 extents, and others wait for their turn meanwhile. */
const extentsAtOnce = 1 << 14;

/**
 * Goes through a volume's extents. Those that the target has begun are sent, whatever the maps say:
 * an earlier try may have seen others. Those that become zeros are holes too, and done when they
 * are.
 */
export const extentsAhead = async (
  count: number,
  {
    map,
    actionFor,
    begun,
  }: { readonly map: ExtentMap; readonly actionFor: (extent: number) => ExtentAction; readonly begun: Numbers },
): Promise<ExtentsAhead> => {
  const open: ExtentToSend[] = [];
  let [extentsDone, extentsUnchanged, extentsHole] = [0, 0, 0];
  for (let extent = 0; extent < count; extent++) {
    if (extent % extentsAtOnce === 0) await setImmediate();
    const isBegun = begun.has(extent);
    const how = isBegun ? sendingOf(actionFor(extent)) : actionFor(extent);
    const isHole = how === "hole" || how === "zero" || (how === "done" && map?.[extent] === null);
    if (isHole) extentsHole++;
    if (how === "done" || how === "unchanged") {
      extentsDone++;
      if (!isHole) extentsUnchanged++;
    } else if (how === "hole") extentsDone++;
    else open.push({ extent, how, ...(isBegun && { isBegun }) });
  }
  return { open, settled: { extentsDone, extentsUnchanged, extentsHole } };
};
