import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import type { Log } from "../log/log.ts";
import { blockHashBytes } from "../storage/block-hash.ts";
import type { SnapshotHandle } from "../storage/volume-io.ts";
import type { Time } from "../time/time.ts";
import type { PeerClient, PeerRequest } from "../tunnel/client.ts";
import { answered } from "./answered.ts";
import type { Encoding } from "./diff/block-encoder.ts";
import type { ExtentLabels, ScanJob, ScanResult } from "./diff/scan.ts";
import { blockGrainHashesBytes } from "./diff/signature.ts";
import type { ExtentToSend } from "./extent-actions.ts";
import { answerBytesMax, extentAnswerSchema, hashesAnswerSchema, paths, signatureBlocksMax } from "./protocol.ts";
import { toRanges } from "./ranges.ts";
import type { Taking } from "./taking.ts";
import type { Part } from "./threads/job-port.ts";
import { paced, type Throttle } from "./throttle.ts";
import { isDamage, withQuickTries } from "./tries.ts";
import type { TransferWorkers } from "./workers.ts";

export interface ExtentSender {
  readonly peer: PeerClient;
  readonly workers: Pick<TransferWorkers, "scan" | "compare">;
  readonly snapshot: SnapshotHandle;
  /** What the target starts from, where the source has it. */
  readonly base: SnapshotHandle | null;
  readonly mirrorVolumeId: string;
  readonly labels: (extent: number) => ExtentLabels;
  readonly epoch: number;
  /** Null: nothing is compressed. */
  readonly encoding: Encoding | null;
  readonly time: Time;
  readonly log: Log;
  readonly throttle: Pick<Throttle, "take"> | undefined;
  /** Bytes that go onto the wire, as they go. */
  readonly onSent: (bytes: number) => void;
  /** Counts what the peer takes, and is awaited for. */
  readonly taking: Taking;
  /**
   * Hears when an extent's reading got something done; what the peer does is
   * heard of by its client.
   */
  readonly onMoved: () => void;
  /**
   * How many bytes of an extent are dealt with, of how many; it begins again
   * when it is tried again.
   */
  readonly onPart: (extent: number, part: Part) => void;
}

/**
 * Sends one extent and gives what there was in it once the target has it for good, or once it
 * turned out to be what the target has already. After damage, here in the base, on the way or
 * there, it is sent in full.
 * @throws what the peer answers, LINK_BROKEN, CHECKSUM_MISMATCH after a few tries, STORE_CORRUPT of
 *   the snapshot, the signal's reason
 */
export const sendExtent = (sender: ExtentSender, wanted: ExtentToSend, signal: AbortSignal): Promise<ScanResult> => {
  const { time, log, snapshot, base, encoding } = sender;
  const { extent, isBegun = false } = wanted;
  let { how } = wanted;
  let verify = false;
  const inPart = () => how === "diff" || how === "match";
  // What was sent before and was cut may still be about to end at the target.
  const mayHelp = (error: VisibleError) => VisibleError.is(error, "CLUSTER_BUSY") || (isDamage(error) && inPart());
  return withQuickTries({ purpose: `send extent ${extent}`, time, log, signal, mayHelp }, async (lastError) => {
    if (isDamage(lastError)) {
      verify = true;
      if (inPart()) how = "full";
    }
    const job = { snapshot, base, extent, how, isBegun, encoding, verify, labels: sender.labels(extent) };
    return how === "match" ? matchOnce(sender, job, signal) : sendOnce(sender, job, signal);
  });
};

/** Asks the target what it has, and sends what it has not. */
const matchOnce = async (sender: ExtentSender, job: ScanJob, signal: AbortSignal): Promise<ScanResult> => {
  const { snapshot, extent } = job;
  const { mirrorVolumeId } = sender;
  const path = paths.signature({ mirrorVolumeId, extent, epoch: sender.epoch });
  const blockCount = snapshot.geometry.extentBytes / blockBytes;
  const ask = async (request: Pick<PeerRequest, "method" | "json">, bytes: number): Promise<Uint8Array> => {
    const limit = { answerBytesMax: answerBytesMax.hashes(bytes) };
    const answer = await sender.peer.request({ ...request, ...limit, path, signal });
    return answered(hashesAnswerSchema(bytes), answer).hashes;
  };
  const hashes = await ask({ method: "GET" }, blockCount * blockHashBytes);
  const { blocks, bytesRead } = await sender.workers.compare(
    { snapshot, extent, hashes },
    { signal, onMoved: sender.onMoved, site: sender.peer.siteId },
  );
  if (blocks.length === 0 && job.isBegun !== true) return { identical: true, digest: "", bytesRead, bytesChanged: 0 };
  const grains: Uint8Array[] = [];
  for (let at = 0; at < blocks.length; at += signatureBlocksMax) {
    const some = blocks.slice(at, at + signatureBlocksMax);
    grains.push(await ask({ method: "POST", json: { blocks: toRanges(some) } }, some.length * blockGrainHashesBytes));
  }
  const result = await sendOnce(sender, { ...job, target: { blocks, grains: Buffer.concat(grains) } }, signal);
  return { ...result, bytesRead: result.bytesRead + bytesRead };
};

const sendOnce = async (sender: ExtentSender, job: ScanJob, signal: AbortSignal): Promise<ScanResult> => {
  const { extent, how } = job;
  const { mirrorVolumeId } = sender;
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const onMoved = (part?: Part): void => {
    sender.onMoved();
    if (part !== undefined) sender.onPart(extent, part);
  };
  const scan = sender.workers.scan(job, { signal: stopped, onMoved, site: sender.peer.siteId });
  try {
    // The request begins with the first change that is found, so that nobody holds a connection
    // while we compare.
    const first = await scan.next();
    if (first.done === true) return first.value;
    const frames = joined(
      first.value,
      scan,
      (chunk) => sender.taking.awaited(paced(chunk, sender.throttle, stopped)),
      sender.onSent,
    );
    const path = paths.extent({
      mirrorVolumeId,
      extent,
      epoch: sender.epoch,
      from: how === "full" || how === "zero" ? "zeros" : "base",
    });
    const answer = await sender.peer.upload({ path, body: frames.chunks, onTaken: sender.taking.took, signal });
    return acknowledged(answer, frames.result());
  } finally {
    stop.abort();
    // The value is what a generator that is given up would return; nobody looks at it.
    await scan.return(undefined as never);
  }
};

/**
 * The chunk that was taken already and those that follow, and what the scan came to when they are
 * all gone.
 */
const joined = (
  first: Uint8Array,
  scan: AsyncGenerator<Uint8Array, ScanResult, void>,
  pieces: (chunk: Uint8Array) => AsyncIterable<Uint8Array>,
  onSent: (bytes: number) => void,
): { readonly chunks: AsyncIterable<Uint8Array>; readonly result: () => ScanResult | undefined } => {
  let result: ScanResult | undefined;
  async function* chunks() {
    for (let chunk = first; ; ) {
      for await (const piece of pieces(chunk)) {
        onSent(piece.length);
        yield piece;
      }
      const next = await scan.next();
      if (next.done === true) {
        result = next.value;
        return;
      }
      chunk = next.value;
    }
  }
  return { chunks: chunks(), result: () => result };
};

/** @throws LINK_BROKEN; CHECKSUM_MISMATCH unless the target read back what we have */
const acknowledged = (answer: unknown, result: ScanResult | undefined): ScanResult => {
  const { digest } = answered(extentAnswerSchema, answer);
  if (result !== undefined && digest === result.digest) return result;
  throw new VisibleError("CHECKSUM_MISMATCH", "The target acknowledged another content than was sent.", {
    hint: "The extent will be sent again in full. If it goes on, check the target's storage.",
  });
};
