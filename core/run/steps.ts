import type { Order } from "../api/failover/order.ts";
import type { SiteId } from "../api/ids.ts";
import {
  type RestoreKind,
  type Run,
  type RunHead,
  type RunKind,
  restoreKindSchema,
  type Step,
  type Taken,
  type TargetRun,
  type TargetState,
} from "../api/run.ts";

/** The steps by which a group comes to another site. */
const bringing = ["preparing", "transferring", "publishing"] as const;

/**
 * The steps of each kind of run at one target, in order (W10). A restore that finds its group at
 * the target has none of those that bring it there.
 */
export const stepsOf: Record<RunKind, readonly Step[]> = {
  snapshot: ["snapshotting", "reclaiming"],
  backup: ["snapshotting", ...bringing, "reclaiming"],
  rebuild: ["rebuilding"],
  rollback: ["checking", "snapshotting", ...bringing, "rolling-back"],
  clone: [...bringing, "rebuilding"],
  deletion: ["deleting"],
  attach: ["attaching"],
  failover: ["looking", "stopping", "comparing", "starting", "readying"],
};

/**
 * What each order has of these. What is on is written down before anything is switched off, so it
 * is known whoever dies in between.
 */
const stepsOfOrder: Record<Order, readonly Step[]> = {
  look: ["looking"],
  stop: ["looking", "stopping"],
  compare: ["comparing"],
  start: ["starting", "readying"],
};

/** Whether it is one of the plan's own, which waits for its turn and adds groups to the plan's. */
export const hasLane = (kind: RunKind): boolean => kind === "snapshot" || kind === "backup";

/** Whether it has something of a group back: it has no lane, and adds no group to the plan's. */
export const isRestore = (kind: RunKind): kind is RestoreKind =>
  restoreKindSchema.options.some((restore) => restore === kind);

/** Whether it takes a group of its own; a rollback does, of what there is before it. */
export const takesGroup = (kind: RunKind): boolean => stepsOf[kind].includes("snapshotting");

/** What tells which steps a run has. */
type Kind = Pick<RunHead, "kind" | "sender" | "order">;

const isBringing = (step: Step): boolean => bringing.some((one) => one === step);

/** The steps of a run at one target, in order. */
export const stepsIn = ({ kind, sender, order }: Kind): readonly Step[] => {
  if (order !== undefined) return stepsOfOrder[order];
  return isRestore(kind) && sender === undefined ? stepsOf[kind].filter((step) => !isBringing(step)) : stepsOf[kind];
};

/** Whether the step brings a group to a site for a restore alone. */
export const isStaging = ({ sender }: Pick<RunHead, "sender">, step: Step): boolean =>
  sender !== undefined && isBringing(step);

/** The step after `step`; undefined after the last one. */
export const stepAfter = (run: Kind, step: Step): Step | undefined => stepsIn(run)[stepsIn(run).indexOf(step) + 1];

/** The steps before `step`, in order. */
export const stepsBefore = (run: Kind, step: Step): readonly Step[] =>
  stepsIn(run).slice(0, stepsIn(run).indexOf(step));

/** How many objects and volumes a run has, as its snapshot says. */
export type Counts = Pick<Taken, "objects" | "volumes">;

/** Whether how many tasks a step has is known by the snapshot alone. */
export const isCounted = (step: Step): boolean => step === "preparing" || step === "transferring";

/**
 * How many tasks a step has at one target: one an object, one a volume, or one about all of
 * them; in `reclaiming` one for the target, and one for the site that sends, where the base of the
 * next increment is kept.
 * @param counts nothing of a snapshot that a version before took: of its
 * objects each has one volume
 */
export const taskCount = (
  { kind, objectCount }: Pick<Run, "kind" | "objectCount">,
  step: Step,
  { objects = objectCount, volumes = objects }: Counts = {},
): number => {
  switch (step) {
    case "preparing":
      return objects;
    case "transferring":
      return volumes;
    case "rebuilding":
    case "looking":
    case "stopping":
    case "comparing":
    case "starting":
      return objectCount;
    case "reclaiming":
      return kind === "backup" ? 2 : 1;
    case "snapshotting":
    case "publishing":
    case "checking":
    case "rolling-back":
    case "undoing":
    case "deleting":
    case "attaching":
    case "readying":
      return 1;
  }
};

/**
 * Whether the run has such a step at that place. The snapshot is asked for in the name of the site
 * that takes it, or in a version before of a target.
 */
export const hasStep = (run: Run, target: SiteId, step: Step): boolean =>
  (stepsIn(run).includes(step) || (step === "undoing" && run.kind === "rollback")) &&
  (run.targets[target] !== undefined || (step === "snapshotting" && target === takerOf(run)));

/** What tells which site does what of a run. */
type Sites = Pick<RunHead, "source" | "sender" | "at">;

/** Where a run takes its snapshot: at the protected site, unless the plan is away. */
export const takerOf = ({ source, at = source }: Pick<Sites, "source" | "at">): SiteId => at;

/**
 * Where a step's tasks belong: to a target, but for the snapshot, which is the taking site's, and
 * one for all targets.
 */
export const placeOf = (run: Pick<Sites, "source" | "at">, target: SiteId, step: Step): SiteId =>
  step === "snapshotting" ? takerOf(run) : target;

/**
 * Between which sites the data of a part flows. What the plan protects is a third thing, though a
 * backup is mostly sent by the site that it protects.
 */
export const flowOf = (run: Sites, target: SiteId): { readonly sender: SiteId; readonly receiver: SiteId } => ({
  sender: run.sender ?? takerOf(run),
  receiver: target,
});

/** The site whose gateways do a step's task. */
export const siteOfTask = (run: Sites, target: SiteId, step: Step, index: number): SiteId => {
  const { sender, receiver } = flowOf(run, target);
  switch (step) {
    case "snapshotting":
      return takerOf(run);
    case "transferring":
      return sender;
    case "preparing":
    case "publishing":
      return receiver;
    case "rebuilding":
    case "checking":
    case "rolling-back":
    case "undoing":
    case "deleting":
    case "attaching":
    case "looking":
    case "stopping":
    case "comparing":
    case "starting":
    case "readying":
      return target;
    case "reclaiming":
      return index === 0 ? target : takerOf(run);
  }
};

const ended: ReadonlySet<TargetState> = new Set(["succeeded", "failed", "cancelled", "skipped"]);

export const hasEnded = (part: TargetRun): boolean => ended.has(part.state);

/** Once data may have been written to the target's mirrors, and before they are published. */
export const mayBeWriting = (step: Step | undefined): boolean =>
  step === "preparing" || step === "transferring" || step === "publishing";

/** Whether a part of the run is in a step that is done at a place. */
export const isAwaited = (run: Run, place: SiteId, step: Step): boolean =>
  partsOf(run).some(([target, part]) => part.step === step && placeOf(run, target, step) === place);

/** The parts of a run, one a target, in the order of the targets. */
export const partsOf = (run: Run): readonly (readonly [SiteId, TargetRun])[] =>
  Object.entries(run.targets).map(([target, part]) => [target as SiteId, part] as const);

/** The same by the names of the targets, whatever order they were read in: as people see them. */
export const partsBySite = (run: Run): ReturnType<typeof partsOf> =>
  [...partsOf(run)].sort(([one], [other]) => (one < other ? -1 : 1));

export type RunStatus = "queued" | "running" | "succeeded" | "partly" | "failed" | "cancelled" | "skipped";

/** The run as a whole, from its parts. `partly`: some targets have the group and others don't. */
export const statusOf = (run: Run): RunStatus => {
  const states = partsOf(run).map(([, part]) => part.state);
  if (states.every((state) => state === "queued")) return "queued";
  if (!states.every((state) => ended.has(state))) return "running";
  const worked = states.filter((state) => state !== "skipped");
  if (worked.length === 0) return "skipped";
  if (worked.every((state) => state === "succeeded")) return "succeeded";
  if (worked.some((state) => state === "succeeded")) return "partly";
  return worked.includes("failed") ? "failed" : "cancelled";
};

/**
 * Whether the run has ended without success at a site: at a target, its part; where it was taken,
 * at every target. What was passed over, because the site has the slot's group already, has not
 * failed.
 */
export const hasFailedAt = (run: Run, siteId: SiteId): boolean => {
  const state = run.targets[siteId]?.state ?? statusOf(run);
  return state === "failed" || state === "cancelled";
};
