import { groupIdOf, instantSchema, type RunId } from "../../core/api/ids.ts";
import type { Manifest } from "../../core/api/manifest.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Attached } from "../../core/api/restore/attach.ts";
import type { AttachTask } from "../../core/api/task.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Log } from "../../gateway/log/log.ts";
import type { Context } from "../context/context.ts";
import type { ForeignSite } from "./site.ts";

export interface ForeignAttachOptions {
  /** Names the attachment. */
  readonly restoreId: RunId;
  readonly object: ObjectConfig;
  readonly disk?: number | undefined;
  readonly writable: boolean;
  readonly forSeconds: number;
  readonly onAttached: (attached: Attached, until: string) => void;
}

/**
 * Serves an object of a group as NBD exports, in this process, until its time is over or the
 * process is told to stop.
 * @throws VisibleError VOLUME_UNKNOWN (no such disk), SNAPSHOT_UNKNOWN, BAD_REQUEST (of the folder
 *   for sockets), and what the storage throws
 */
export const serveForeign = async (
  context: Context,
  { storage, config }: ForeignSite,
  manifest: Manifest,
  options: ForeignAttachOptions,
): Promise<void> => {
  const { createServeAttachment } = await import("../../gateway/attach/attachments.ts");
  const { SocketFolder } = await import("../../gateway/attach/sockets.ts");
  const { createReadingThreads, readingThreads } = await import("../../gateway/attach/threads/reading-threads.ts");
  const { signal } = context.host;
  const readers = createReadingThreads({ storage: config.storage, threads: readingThreads });
  try {
    const serve = createServeAttachment({ sockets: new SocketFolder(config.attachDir), readers });
    const task = taskOf(config.siteId, manifest, options);
    await serve(task, {
      ...{ storage, signal, now, log: logOf(context) },
      identity: { id: config.gatewayId, siteId: config.siteId, ...nothingElse },
      onProgress: () => undefined,
      onAttached: async (attached) => options.onAttached(attached, task.until),
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await readers.close();
  }
};

const now = () => instantSchema.parse(new Date().toISOString());

/** Of a gateway that is none, and tells nobody. */
const nothingElse = { endpoint: "", tunnel: "direct-tls", version: "", storage: "" } as const;

/** What a control plane would tell a gateway. */
const taskOf = (
  siteId: AttachTask["siteId"],
  { planId, groupId: fromGroupId, source, sequence }: Manifest,
  { restoreId, object, disk, writable, forSeconds }: ForeignAttachOptions,
): AttachTask => {
  const issuedAt = now();
  return {
    ...{ kind: "attach", id: restoreId, runId: restoreId, planId, source, sequence, fromGroupId },
    ...{ groupId: groupIdOf(restoreId), target: siteId, siteId, step: "attaching", index: 0, attempt: 1, issuedAt },
    object: { kind: object.kind, id: object.id },
    ...(disk !== undefined && { disk }),
    ...{ until: addSeconds(issuedAt, forSeconds), writable },
  };
};

/** What goes wrong while it is served is said; what clients do is theirs. */
const logOf = ({ warn }: Pick<Context, "warn">): Log => {
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    failed: () => undefined,
    warn: (_, message) => warn(message),
    error: (_, message) => warn(message),
    child: () => log,
  };
  return log;
};
