import { sendVolume } from "../transfer/sender.ts";
import type { Throttles } from "../transfer/throttles.ts";
import type { TransferWorkers } from "../transfer/workers.ts";
import type { Tunnel } from "../tunnel/tunnel.ts";
import type { SendVolume } from "./context.ts";

/**
 * Sends volumes over links of their own, one for each call, to the gateways that the request names.
 */
export const createSendVolume =
  (options: {
    readonly workers: Pick<TransferWorkers, "scan" | "compare">;
    readonly tunnel: Pick<Tunnel, "connect">;
    readonly extentsInFlight: number;
    readonly throttles: Pick<Throttles, "to">;
  }): SendVolume =>
  async (request, { storage, log, signal, onMoved, onProgress, onAcknowledged }) => {
    const { workers, tunnel, extentsInFlight } = options;
    const { shape, opening, mirrorVolumeId, owner, groupId, sequence, baseGroupId } = request;
    const peer = await tunnel.connect({
      siteId: request.receiver,
      endpoints: request.endpoints,
      log,
      connections: extentsInFlight,
      signal,
      onMoved,
    });
    try {
      const { progress } = await sendVolume({
        storage,
        workers,
        peer,
        transfer: { shape, opening, mirrorVolumeId },
        ids: { ...owner, groupId, sequence, baseGroupId },
        compression: request.compression,
        extentsInFlight,
        throttle: options.throttles.to(request.receiver),
        signal,
        log,
        onMoved,
        onProgress,
        onAcknowledged,
      });
      return progress;
    } finally {
      await peer.close();
    }
  };
