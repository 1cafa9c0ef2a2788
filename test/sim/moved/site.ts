import { rm } from "node:fs/promises";
import { gatewayIdSchema, type SiteId } from "../../../core/api/ids.ts";
import type { RunTask, TaskResult } from "../../../core/api/task.ts";
import { noise, readVolume, write } from "../../../gateway/storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { memoryDir } from "../../../gateway/storage/extentstore/testing/memory-dir.ts";
import { openStorage } from "../../../gateway/storage/open.ts";
import type { GatewayIdentity } from "../../../gateway/tasks/context.ts";
import { performTask } from "../../../gateway/tasks/perform.ts";
import { createSendVolume } from "../../../gateway/tasks/send.ts";
import { servesNothing } from "../../../gateway/tasks/serves-nothing.ts";
import { instant } from "../../../gateway/tasks/testing.ts";
import { systemTime } from "../../../gateway/time/time.ts";
import { createReceiver } from "../../../gateway/transfer/receiver.ts";
import { credentialsOf, site } from "../../../gateway/transfer/testing/credentials.ts";
import { createMemoryLog } from "../../../gateway/transfer/testing/memory-log.ts";
import { createThrottles } from "../../../gateway/transfer/throttles.ts";
import { createTransferWorkers } from "../../../gateway/transfer/workers.ts";
import { RefusedPeers } from "../../../gateway/tunnel/refused.ts";
import { openDirectTunnel } from "../../../gateway/tunnel/tunnel.ts";
import type { CertificateWithKey } from "../../../pki/authority.ts";

const mib = 1024 * 1024;
export const grainBytes = 4096;
export const volumeBytes = 4 * mib;
const geometry = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };

/** A folder, and a gateway in front of it that others reach over mutual TLS. */
export const openSite = async (siteId: SiteId, authority: CertificateWithKey) => {
  const dir = await memoryDir(`moved-${siteId}`);
  const config = { kind: "extentstore", dir } as const;
  const log = createMemoryLog();
  const driver: StorageDriver = await openStorage(config);
  const jobsMax = { sending: 4, receiving: 8 };
  const workers = createTransferWorkers({ storage: config, threads: 1, jobsMax, log });
  const gatewayId = gatewayIdSchema.parse(`${siteId}-1`);
  const tunnel = await openDirectTunnel({
    ...createReceiver({ storage: driver, workers, log }),
    credentials: await credentialsOf(authority, siteId),
    ...{ multiCluster: site("mc"), siteId, gatewayId, listen: { host: "127.0.0.1", port: 0 } },
    ...{ refused: new RefusedPeers(log), log },
  });
  const send = createSendVolume({ workers, tunnel, extentsInFlight: 2, throttles: createThrottles(systemTime) });
  const identity: GatewayIdentity = {
    ...{ id: gatewayId, siteId, endpoint: `127.0.0.1:${tunnel.port}`, tunnel: tunnel.kind },
    ...{ version: "0.0.0", storage: driver.kind },
  };
  const quiet = { onMoved: () => undefined, onProgress: () => undefined, onAcknowledged: () => undefined };

  return {
    siteId,
    driver,
    identity,
    perform: (task: RunTask): Promise<TaskResult> =>
      performTask(task, {
        ...servesNothing,
        ...quiet,
        ...{ storage: driver, send, identity, log, signal: new AbortController().signal },
        now: () => instant(new Date().toISOString()),
      }),
    createVolume: (name: string) => driver.createVolume({ name, kind: "volume", sizeBytes: volumeBytes, geometry }),
    fill: (volumeId: string, seed: number) => write(driver, volumeId, [0, noise(volumeBytes, seed)]),
    /** Other bytes in so many grains, which lie all over the volume. */
    change: (volumeId: string, grains: number, seed: number) =>
      write(
        driver,
        volumeId,
        ...Array.from({ length: grains }, (_, index) => {
          const at = Math.floor((index * volumeBytes) / grains / grainBytes) * grainBytes;
          return [at, noise(grainBytes, seed * 1000 + index)] as const;
        }),
      ),
    read: (volumeId: string) => readVolume(driver, volumeId),
    close: async () => {
      await tunnel.stop(1);
      await workers.close();
      await driver.close();
      await rm(dir, { recursive: true });
    },
  };
};
export type RealSite = Awaited<ReturnType<typeof openSite>>;
