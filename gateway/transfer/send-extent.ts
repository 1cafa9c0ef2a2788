import { VisibleError } from "../../core/api/errors.ts";
import type { VolumeTransfer } from "../../core/api/task.ts";
import type { Log } from "../log.ts";
import type { Time } from "../time.ts";
import type { PeerClient } from "../tunnel/client.ts";
import { extentAnswerSchema, paths } from "./protocol.ts";
import type { ScanJob, ScanResult } from "./scan.ts";
import { isDamage, withQuickTries } from "./tries.ts";
import type { TransferWorkers } from "./workers.ts";

export interface ExtentSender {
  readonly peer: PeerClient;
  readonly workers: Pick<TransferWorkers, "scan">;
  readonly transfer: VolumeTransfer;
  readonly epoch: number;
  readonly level: number | null;
  readonly time: Time;
  readonly log: Log;
  /** Bytes that go onto the wire, as they go. */
  readonly onSent: (bytes: number) => void;
}

/**
 * Sends one extent and gives what there was in it once the target has it for good, or once it turned out to be what
 * the target has already. After damage it is sent in full.
 * @throws what the peer answers, LINK_BROKEN, CHECKSUM_MISMATCH after a few tries, the signal's reason
 */
export const sendExtent = (
  sender: ExtentSender,
  wanted: { readonly extent: number; readonly how: ScanJob["how"] },
  signal: AbortSignal,
): Promise<ScanResult> => {
  const { time, log } = sender;
  let how = wanted.how;
  return withQuickTries({ purpose: `send extent ${wanted.extent}`, time, log, signal }, (lastError) => {
    if (isDamage(lastError) && how === "diff") how = "full";
    return sendOnce(sender, { extent: wanted.extent, how }, signal);
  });
};

const sendOnce = async (
  sender: ExtentSender,
  { extent, how }: { readonly extent: number; readonly how: ScanJob["how"] },
  signal: AbortSignal,
): Promise<ScanResult> => {
  const { snapshotId, baseSnapshotId, mirrorVolumeId } = sender.transfer;
  const stop = new AbortController();
  const scan = sender.workers.scan(
    { snapshotId, baseSnapshotId, extent, how, level: sender.level },
    AbortSignal.any([signal, stop.signal]),
  );
  try {
    // The request begins with the first change that is found, so that nobody holds a connection while we compare.
    const first = await scan.next();
    if (first.done === true) return first.value;
    const frames = joined(first.value, scan, sender.onSent);
    const path = paths.extent({ mirrorVolumeId, extent, epoch: sender.epoch, from: how === "diff" ? "base" : "zeros" });
    const answer = await sender.peer.request({ method: "PUT", path, body: () => frames.chunks, signal });
    return acknowledged(answer, frames.result());
  } finally {
    stop.abort();
    // The value is what a generator that is given up would return; nobody looks at it.
    await scan.return(undefined as never);
  }
};

/** The chunk that was taken already and those that follow, and what the scan came to when they are all gone. */
const joined = (
  first: Uint8Array,
  scan: AsyncGenerator<Uint8Array, ScanResult, void>,
  onSent: (bytes: number) => void,
): { readonly chunks: AsyncIterable<Uint8Array>; readonly result: () => ScanResult | undefined } => {
  let result: ScanResult | undefined;
  async function* chunks() {
    for (let chunk = first; ; ) {
      onSent(chunk.length);
      yield chunk;
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

/** @throws CHECKSUM_MISMATCH unless the target read back what we have */
const acknowledged = (answer: unknown, result: ScanResult | undefined): ScanResult => {
  const parsed = extentAnswerSchema.safeParse(answer);
  if (!parsed.success) {
    throw new VisibleError("LINK_BROKEN", "The target's answer to an extent is not one that a receiver gives.");
  }
  if (result !== undefined && parsed.data.digest === result.digest) return result;
  throw new VisibleError("CHECKSUM_MISMATCH", "The target acknowledged another content than was sent.", {
    hint: "The extent will be sent again in full. If it goes on, check the target's storage.",
  });
};
