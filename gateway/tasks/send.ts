import type { SiteId } from "../../core/api/ids.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { sendVolume } from "../transfer/sender.ts";
import type { Throttles } from "../transfer/throttles.ts";
import type { TransferWorkers } from "../transfer/workers.ts";
import type { TlsCredentials } from "../tunnel/certificates.ts";
import { createPeerClient } from "../tunnel/client.ts";
import type { SendVolume } from "./context.ts";

/** Sends volumes over links of their own, one for each call, to the gateways that the request names. */
export const createSendVolume =
  (options: {
    readonly storage: StorageDriver;
    readonly workers: Pick<TransferWorkers, "scan" | "compare">;
    readonly credentials: TlsCredentials;
    readonly multiCluster: SiteId;
    readonly extentsInFlight: number;
    readonly throttles: Pick<Throttles, "to">;
  }): SendVolume =>
  async (request, { log, signal, onProgress, onAcknowledged }) => {
    const { storage, workers, credentials, multiCluster, extentsInFlight } = options;
    const { snapshotId, baseSnapshotId, mirrorVolumeId, owner, groupId, sequence, baseGroupId } = request;
    const peer = createPeerClient({
      credentials,
      multiCluster,
      siteId: request.target,
      endpoints: request.endpoints,
      log,
      limits: { connections: extentsInFlight },
    });
    try {
      const { progress } = await sendVolume({
        storage,
        workers,
        peer,
        transfer: { snapshotId, baseSnapshotId, mirrorVolumeId },
        ids: { ...owner, groupId, sequence, baseGroupId },
        compression: request.compression,
        extentsInFlight,
        throttle: options.throttles.to(request.target),
        signal,
        log,
        onProgress,
        onAcknowledged,
      });
      return progress;
    } finally {
      await peer.close();
    }
  };
