import type { ExtentToken } from "../storage/volume-io.ts";
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

export interface ChosenExtent {
  readonly extent: number;
  readonly how: ExtentAction;
}

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

/** Pure. One entry an extent, in order. `done` and `damaged` are indices of extents. */
export const chooseExtentActions = (options: {
  readonly count: number;
  readonly map: ExtentMap;
  readonly base: TargetBase;
  readonly done: Numbers;
  /** What the target has there is damaged, whatever it was. */
  readonly damaged: Numbers;
}): readonly ChosenExtent[] =>
  Array.from({ length: options.count }, (_, extent) => {
    const token = options.map?.[extent];
    if (options.damaged.has(extent)) return { extent, how: token === null ? "zero" : "full" };
    return { extent, how: options.done.has(extent) ? "done" : actionOf(token, options.base, extent) };
  });

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
