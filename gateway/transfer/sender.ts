import { isDeepStrictEqual } from "node:util";
import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId, PlanId, SiteId } from "../../core/api/ids.ts";
import { extentCount } from "../../core/api/object/volume-shape.ts";
import type { Progress } from "../../core/api/run.ts";
import { tryAgain } from "../../core/waiting/try-again.ts";
import type { Log } from "../log/log.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { SnapshotHandle, SnapshotReader, SnapshotShape } from "../storage/volume-io.ts";
import { allOf } from "../time/all-of.ts";
import { steadyTime, type Time } from "../time/time.ts";
import type { PeerClient, PeerRequest } from "../tunnel/client.ts";
import { answered } from "./answered.ts";
import type { ExtentLabels } from "./diff/scan.ts";
import { differingExtents, joinDigests, volumeDigest } from "./digest.ts";
import { eachBounded } from "./each-bounded.ts";
import { type ExtentMap, type ExtentToSend, extentActions, extentsAhead, type TargetBase } from "./extent-actions.ts";
import { digestBytes } from "./frame/frame.ts";
import { isLostBase, lostBase, type OpenedSnapshots } from "./opened.ts";
import { ProgressCounter } from "./progress.ts";
import {
  answerBytesMax,
  digestsAnswerSchema,
  paths,
  type Session,
  type SessionOpen,
  sessionSchema,
} from "./protocol.ts";
import { numbersIn } from "./ranges.ts";
import { type ExtentSender, sendExtent } from "./send-extent.ts";
import { type Taking, takenInTime } from "./taking.ts";
import type { Throttle } from "./throttle.ts";
import { withQuickTries } from "./tries.ts";
import type { TransferWorkers } from "./workers.ts";

/**
 * One volume's way from a snapshot to a mirror. Whoever opens the snapshots closes them when the
 * volume is sent.
 */
export interface VolumeToSend {
  /** Of the snapshot: the target needs to know no more to begin. */
  readonly shape: SnapshotShape;
  readonly opening: Promise<OpenedSnapshots>;
  readonly mirrorVolumeId: string;
}

export interface SendVolumeOptions {
  readonly storage: StorageDriver;
  readonly workers: Pick<TransferWorkers, "scan" | "compare">;
  readonly peer: PeerClient;
  readonly transfer: VolumeToSend;
  /** Which group is written, on top of which one, and whose: `source` is half of the owner. */
  readonly ids: {
    readonly planId: PlanId;
    readonly source: SiteId;
    readonly groupId: GroupId;
    readonly sequence: number;
    readonly baseGroupId: GroupId | null;
  };
  readonly compression: { readonly enabled: boolean; readonly level: number; readonly dictionary: boolean };
  /** Extents that are worked on at once; 3 unless told otherwise. */
  readonly extentsInFlight?: number;
  /** Holds back what leaves; nothing is held back without it. */
  readonly throttle?: Pick<Throttle, "take">;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly onProgress: (progress: Progress) => void;
  /** An extent was committed by the target: what is not lost, whatever happens afterwards. */
  readonly onAcknowledged: (extent: number) => void;
  /**
   * Hears when the reading of an extent got something done. The storage and the
   * peer tell of themselves.
   */
  readonly onMoved: () => void;
  readonly time?: Time;
}

export interface TransferOutcome {
  readonly progress: Progress;
  /** Extents that the target committed during this call. */
  readonly acknowledgedExtents: number;
}

/**
 * Makes a mirror volume of another site equal to a snapshot, and tells it that it is complete. Goes
 * on where an earlier call for the same group and base was cut off.
 * @throws STORE_CORRUPT of the source; what the target answers (NOT_GRANTED,
 *   FENCED, GROUP_STALE, GROUP_ABORTED, BASE_MISSING, STORE_FULL, …); LINK_BROKEN, LINK_SLOW,
 *   PEER_REFUSED; CHECKSUM_MISMATCH; the signal's reason
 */
export const sendVolume = async (options: SendVolumeOptions): Promise<TransferOutcome> => {
  const { opening, mirrorVolumeId } = options.transfer;
  const reading = opening.then(({ snapshot }) => options.storage.readSnapshot(snapshot));
  // Told to whoever waits for it.
  reading.catch(() => undefined);
  try {
    const { peer, signal, log, time = steadyTime } = options;
    let acknowledgedExtents = 0;
    const onAcknowledged = (extent: number): void => {
      acknowledgedExtents += 1;
      options.onAcknowledged(extent);
    };
    const mayHelp = (error: unknown) =>
      (VisibleError.is(error, "CLUSTER_BUSY") || VisibleError.is(error, "GROUP_INCOMPLETE")) &&
      error.toldBy === peer.siteId;
    const onFailure = (err: unknown) => log.failed({ err, mirror: mirrorVolumeId }, anew);
    return await takenInTime({ siteId: peer.siteId, time: steadyTime, signal }, async (taking, paced) => {
      const watched = { ...options, signal: paced, onAcknowledged };
      const tries = { ...sessions, time, signal: paced, mayHelp, onFailure };
      const progress = await tryAgain(tries, () => send(watched, { reading, taking }));
      return { progress, acknowledgedExtents };
    });
  } finally {
    const reader = await reading.catch(() => undefined);
    await reader?.close();
  }
};

/**
 * Where a writer at the target was cut it may be at an extent still; opening the session anew shuts
 * it out. What the target has committed is not sent again.
 */
const sessions = { triesMax: 3, backoffMs: { first: 250, max: 5_000, jitter: 0.5 }, fraction: Math.random };
const anew = "the target is not done with what was sent before: the session is opened anew";

const send = async (
  options: SendVolumeOptions,
  { reading, taking }: { readonly reading: Promise<SnapshotReader>; readonly taking: Taking },
): Promise<Progress> => {
  const { signal, time = steadyTime } = options;
  const { mirrorVolumeId, shape } = options.transfer;
  const { sizeBytes, geometry } = shape;
  const count = extentCount(geometry, sizeBytes);
  const counter = new ProgressCounter({
    extentsTotal: count,
    bytesTotal: sizeBytes,
    extentBytes: geometry.extentBytes,
    tell: options.onProgress,
    nowMs: time.nowMs,
  });
  const { planId, source, groupId, sequence, baseGroupId } = options.ids;
  // Each cluster takes a while for its own.
  const [session, { opened, snapshot, map, base }] = await allOf([
    openSession({ planId, source, mirrorVolumeId, groupId, sequence, baseGroupId, sizeBytes, geometry }, options),
    lookAtBoth(options, reading),
  ]);
  const actionFor = extentActions({
    map,
    base,
    damaged: numbersIn(session.damaged, count),
    done: numbersIn(session.complete ? [[0, count - 1]] : session.done, count),
  });
  const labels = labelsOf(options, opened, { map, base });
  const begun = numbersIn(session.begun, count);
  const { open, settled } = await extentsAhead(count, { map, actionFor, begun });
  counter.add(settled);
  if (session.damaged.length > 0) {
    options.log.warn(
      { mirror: mirrorVolumeId, site: options.peer.siteId, extents: session.damaged.slice(0, 100) },
      damaged,
    );
  }
  const sendAll: SendAll = (extents, onSent) =>
    sendExtents(extents, { session, options, opened, labels, counter, taking, onSent });
  counter.addToDo(open.length);
  await sendAll(open);
  if (!session.complete) {
    counter.enter("verifying");
    const again: SendAll = (extents, onSent) => {
      counter.addToDo(extents.length);
      return sendAll(extents, onSent);
    };
    await complete({ snapshot, session, options, sendAll: again });
  }
  signal.throwIfAborted();
  counter.enter("done");
  return counter.progress;
};

const damaged = "the target says that extents of the mirror are damaged: they are sent in full; check its disk";

/** `onSent` is told the digest of each, as it was sent. */
type SendAll = (extents: readonly ExtentToSend[], onSent?: (extent: number, digest: string) => void) => Promise<void>;

/**
 * Tells the target that it has everything. Where the digests of the volumes are not the same,
 * something of the base was not what it was taken for, or one of the digests is damaged: those
 * extents are sent in full, once, and what was sent counts.
 */
const complete = async (of: {
  readonly snapshot: SnapshotReader;
  readonly session: Session;
  readonly options: SendVolumeOptions;
  readonly sendAll: SendAll;
}): Promise<void> => {
  const { options, sendAll } = of;
  const { mirrorVolumeId } = options.transfer;
  const { epoch } = of.session;
  const known = await of.snapshot.extentDigests();
  const ours = known && joinDigests(known);
  const tell = () => {
    const digest = ours === undefined ? null : volumeDigest(ours);
    return ask({ method: "POST", path: paths.complete(mirrorVolumeId, epoch), json: { digest } }, options);
  };
  try {
    await tell();
  } catch (error) {
    if (ours === undefined || !VisibleError.is(error, "CHECKSUM_MISMATCH")) throw error;
    const theirs = await digestsOf(mirrorVolumeId, { epoch, extents: ours.length / digestBytes }, options);
    if (theirs === null) throw error;
    const extents = differingExtents(ours, theirs);
    options.log.warn({ err: error, mirror: mirrorVolumeId, extents: extents.slice(0, 100) }, wrongBase);
    const again = extents.map((extent) => ({ extent, how: known?.[extent] === null ? "zero" : "full" }) as const);
    await sendAll(again, (extent, digest) => {
      // Of a hole there is none, and what was sent of it were zeros.
      if (known?.[extent] !== null) ours.set(Buffer.from(digest, "hex"), extent * digestBytes);
    });
    await tell();
  }
};
const wrongBase = "the mirror is not what the snapshot is: the extents that differ are sent in full";

const sendExtents = async (
  extents: readonly ExtentToSend[],
  of: {
    readonly session: Session;
    readonly options: SendVolumeOptions;
    readonly opened: OpenedSnapshots;
    readonly labels: (extent: number) => ExtentLabels;
    readonly counter: ProgressCounter;
    readonly taking: Taking;
    readonly onSent: Parameters<SendAll>[1];
  },
): Promise<void> => {
  const { session, options, labels, counter, taking, onSent } = of;
  const { compression, signal, time = steadyTime } = options;
  const { enabled, level, dictionary } = compression;
  let isToldOfKeeping = false;
  const sender: ExtentSender = {
    peer: options.peer,
    workers: options.workers,
    ...of.opened,
    mirrorVolumeId: options.transfer.mirrorVolumeId,
    labels,
    epoch: session.epoch,
    encoding: enabled ? { level, dictionary } : null,
    time,
    log: options.log,
    throttle: options.throttle,
    taking,
    onMoved: options.onMoved,
    onPart: (extent, part) => counter.reach(extent, part),
    onSent: (bytes) => {
      counter.enter("sending");
      counter.add({ bytesSent: bytes });
    },
  };
  await eachBounded(extents, { concurrencyMax: options.extentsInFlight ?? 3, signal }, async (wanted, itemSignal) => {
    const { extent } = wanted;
    const sent = await sendExtent(sender, wanted, itemSignal);
    const { identical, digest, bytesRead, bytesChanged, notKept } = sent;
    if (notKept !== undefined && !isToldOfKeeping) {
      isToldOfKeeping = true;
      options.log.warn({ mirror: sender.mirrorVolumeId, why: notKept }, noHashes);
    }
    counter.finish(extent, bytesRead);
    counter.add({ extentsDone: 1, bytesRead, bytesChanged, extentsUnchanged: identical ? 1 : 0 });
    if (identical) return;
    onSent?.(extent, digest);
    options.onAcknowledged(extent);
  });
};

const noHashes =
  "hashes of what was read can't be kept: the next run reads more; see storage.hashesDir in gateway.yaml";

/** Tokens where the cluster has them: content stays the same through many snapshots. */
const labelsOf = (
  { peer, transfer }: SendVolumeOptions,
  { snapshot, base }: OpenedSnapshots,
  maps: { readonly map: ExtentMap; readonly base: TargetBase },
): ((extent: number) => ExtentLabels) => {
  const mirror = `${peer.siteId} ${transfer.mirrorVolumeId}`;
  // A cluster that is made anew begins to count anew, and what it does with the token of a snapshot
  // that was deleted nobody knows.
  const labelOf = (map: ExtentMap, { snapshotId }: SnapshotHandle, extent: number) => {
    const token = map?.[extent];
    return token == null
      ? { label: `snapshot ${snapshotId}`, isOnce: true }
      : { label: `token ${token}`, isOnce: false };
  };
  const baseMap = maps.base.kind === "readable" ? maps.base.map : undefined;
  return (extent) => ({
    mirror,
    now: labelOf(maps.map, snapshot, extent).label,
    base: base === null || maps.base.kind !== "readable" ? null : labelOf(baseMap, base, extent),
  });
};

/** What there is to send, and what is known of it without reading it. */
const lookAtBoth = async (options: SendVolumeOptions, reading: Promise<SnapshotReader>) => {
  const [opened, snapshot] = await allOf([options.transfer.opening, reading]);
  const [map, base] = await allOf([snapshot.extentMap(), findBase(options, opened)]);
  return { opened, snapshot, map, base };
};

/** What the target starts from, as far as the source can still read it. */
const findBase = async (options: SendVolumeOptions, { snapshot, base }: OpenedSnapshots): Promise<TargetBase> => {
  const { log, transfer, ids, storage } = options;
  if (ids.baseGroupId === null) return { kind: "none" };
  // Extents can be compared only when both volumes are cut up alike.
  if (base === null || !isDeepStrictEqual(base.geometry, snapshot.geometry)) return { kind: "lost" };
  try {
    return { kind: "readable", map: await mapOf(storage, base), count: extentCount(base.geometry, base.sizeBytes) };
  } catch (error) {
    if (!isLostBase(error)) throw error;
    log.warn({ err: error, mirror: transfer.mirrorVolumeId, baseGroupId: ids.baseGroupId }, lostBase);
    return { kind: "lost" };
  }
};

const mapOf = async (storage: StorageDriver, handle: SnapshotHandle) => {
  const reader = await storage.readSnapshot(handle);
  try {
    return await reader.extentMap();
  } finally {
    await reader.close();
  }
};

const openSession = async (open: SessionOpen, options: SendVolumeOptions): Promise<Session> => {
  const extents = extentCount(open.geometry, open.sizeBytes);
  const answer = await ask(
    { method: "POST", path: paths.sessions, json: open, answerBytesMax: answerBytesMax.session(extents) },
    options,
  );
  return answered(sessionSchema(extents), answer);
};

/** @returns null where the mirror's cluster keeps none */
const digestsOf = async (
  mirrorVolumeId: string,
  { epoch, extents }: { readonly epoch: number; readonly extents: number },
  options: SendVolumeOptions,
): Promise<Uint8Array | null> => {
  const path = paths.digests(mirrorVolumeId, epoch);
  const answer = await ask({ method: "GET", path, answerBytesMax: answerBytesMax.digests(extents) }, options);
  return answered(digestsAnswerSchema(extents), answer).digests;
};

const ask = (
  request: Omit<PeerRequest, "signal">,
  { peer, log, signal, time = steadyTime }: SendVolumeOptions,
): Promise<unknown> =>
  withQuickTries({ purpose: `reach site ${peer.siteId}`, time, log, signal }, () =>
    peer.request({ ...request, signal }),
  );
