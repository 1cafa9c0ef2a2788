import type { StagePause } from "../../core/api/failover/stage.ts";
import type { KeptGroup, ManifestProof } from "../../core/api/foreign/proof.ts";
import type { GroupId, Instant, SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Attached } from "../../core/api/restore/attach.ts";
import type { Progress } from "../../core/api/run.ts";
import type { Gateway } from "../../core/api/site.ts";
import type { AttachTask, RunTask, TransferTask } from "../../core/api/task.ts";
import type { Log } from "../log/log.ts";
import type { Owner } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { VolumeToSend } from "../transfer/sender.ts";

/** Who this gateway is, as it tells the control plane. */
export type GatewayIdentity = Omit<Gateway, "lastSeenAt" | "settings">;

/** One volume's way from a snapshot here to a mirror volume at the target. */
export interface SendVolumeRequest extends VolumeToSend {
  readonly owner: Owner;
  readonly receiver: SiteId;
  readonly groupId: GroupId;
  readonly sequence: number;
  readonly baseGroupId: GroupId | null;
  readonly compression: TransferTask["compression"];
  /** `host:port` of the receiver's gateways. */
  readonly endpoints: readonly string[];
}

/**
 * Sends one volume; resolves with its last progress when the target has answered for all of it.
 * @throws VisibleError: FENCED when somebody newer writes to the mirror, and those of the link, the
 *   peer and both storages
 */
export type SendVolume = (
  request: SendVolumeRequest,
  context: Pick<TaskContext, "storage" | "log" | "signal" | "onMoved" | "onProgress"> & {
    /** The target has acknowledged an extent that it did not have before this call. */
    readonly onAcknowledged: () => void;
  },
) => Promise<Progress>;

export type ServingContext = Pick<
  TaskContext,
  "storage" | "identity" | "now" | "log" | "signal" | "onProgress" | "onAttached"
>;

/**
 * Serves what is attached until its time is over, or it is detached, wherever that was heard.
 * Resolves with what was read by then.
 * @throws VisibleError: ATTACHMENTS_FULL, SNAPSHOT_UNKNOWN, VOLUME_UNKNOWN; FENCED when another
 *   gateway serves it in this one's place; the signal's reason
 */
export type ServeAttachment = (task: AttachTask, context: ServingContext) => Promise<Progress>;

/**
 * Waits as a stage of a plan says, and until what was started is ready.
 * @throws VisibleError: NOT_READY, GUEST_AGENT_ABSENT; the signal's reason
 */
export type AwaitReady = (
  wanted: {
    readonly pause: StagePause;
    /** As this site has them: whose guest agents are waited for, where that is wanted. */
    readonly objects?: readonly Pick<ObjectConfig, "kind" | "id" | "name">[];
  },
  context: Pick<TaskContext, "storage" | "signal" | "onMoved">,
) => Promise<void>;

/** What a gateway has for all of its tasks. */
export interface GatewayContext {
  readonly storage: StorageDriver;
  readonly send: SendVolume;
  readonly serve: ServeAttachment;
  readonly awaitReady: AwaitReady;
  readonly identity: GatewayIdentity;
  readonly now: () => Instant;
  /**
   * Signs what this gateway publishes; undefined while its certificate is not good, as who restores
   * without it would refuse that. Absent in tests that publish nothing that is judged.
   */
  readonly prove?: (group: KeptGroup & { readonly publishedAt: Instant }) => ManifestProof | undefined;
}

/**
 * What a task may use. The calls of its storage end with its signal, and tell of themselves that it
 * moves.
 */
export interface TaskContext extends GatewayContext {
  readonly log: Log;
  /** Aborted when the task is to stop where it is. */
  readonly signal: AbortSignal;
  /**
   * Something got done: read, sent, answered. A task of which this isn't heard for
   * minutes is given up.
   */
  readonly onMoved: () => void;
  /** How far the task is; the newest is reported every 15 s. */
  readonly onProgress: (progress: Progress) => void;
  /** It is served, and where: the control plane is told at once. */
  readonly onAttached: (attached: Attached) => Promise<void>;
  /** Something was done in this try that a next try need not do again. */
  readonly onAcknowledged: () => void;
}

/** The tag on all that a task makes: its plan, and the site that the plan protects. */
export const ownerOf = (task: Pick<RunTask, "planId" | "source">): Owner => ({
  planId: task.planId,
  source: task.source,
});
