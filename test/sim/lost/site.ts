import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type GroupId, gatewayIdSchema, type Instant, type SiteId, siteIdSchema } from "../../../core/api/ids.ts";
import { isRunTask, type RunTask, type Task, type TaskResult } from "../../../core/api/task.ts";
import { tellForeignPlans } from "../../../gateway/agent/foreign-plans.ts";
import { recordingLog } from "../../../gateway/agent/testing.ts";
import { createProve } from "../../../gateway/credentials/prove.ts";
import { noise, readSnapshot, readVolume, write } from "../../../gateway/storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { openStorage } from "../../../gateway/storage/open.ts";
import type { GatewayContext } from "../../../gateway/tasks/context.ts";
import { performTask } from "../../../gateway/tasks/perform.ts";
import { createSendVolume } from "../../../gateway/tasks/send.ts";
import { servesNothing } from "../../../gateway/tasks/serves-nothing.ts";
import { Movement } from "../../../gateway/time/standstill.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { createReceiver } from "../../../gateway/transfer/receiver.ts";
import { createThrottles } from "../../../gateway/transfer/throttles.ts";
import { createTransferWorkers, type TransferWorkers } from "../../../gateway/transfer/workers.ts";
import type { TlsCredentials } from "../../../gateway/tunnel/certificates.ts";
import { RefusedPeers } from "../../../gateway/tunnel/refused.ts";
import { openDirectTunnel, type Tunnel } from "../../../gateway/tunnel/tunnel.ts";

export const extentBytes = 64 * 1024;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };

/** What a gateway that does a task is given. */
type Opened = GatewayContext & { readonly tunnel: Tunnel };

/** A cluster with a folder, and the gateway beside it. */
export class LosableSite {
  readonly id: SiteId;
  readonly dir: string;
  readonly driver: StorageDriver;
  readonly #workers: TransferWorkers;
  readonly #tunnel: Tunnel;
  readonly #context: GatewayContext;
  isGone = false;

  private constructor(id: SiteId, dir: string, workers: TransferWorkers, { tunnel, ...context }: Opened) {
    this.id = id;
    this.dir = dir;
    this.driver = context.storage;
    this.#workers = workers;
    this.#tunnel = tunnel;
    this.#context = context;
  }

  static async open(name: string, credentials: TlsCredentials, now: () => Instant): Promise<LosableSite> {
    const [id, multiCluster, gatewayId] = [name, "main", `${name}-1`].map((text) => siteIdSchema.parse(text)) as [
      SiteId,
      SiteId,
      string,
    ];
    const dir = await mkdtemp(path.join(tmpdir(), `site-${name}-`));
    const config = { kind: "extentstore", dir: path.join(dir, "store") } as const;
    const storage = await openStorage(config);
    const log = recordingLog();
    const workers = createTransferWorkers({ threads: 1, jobsMax: { sending: 2, receiving: 2 }, storage: config, log });
    const tunnel = await openDirectTunnel({
      ...createReceiver({ storage, workers, log }),
      ...{ credentials, multiCluster, siteId: id, gatewayId: gatewayIdSchema.parse(gatewayId) },
      ...{ listen: { host: "127.0.0.1", port: 0 }, refused: new RefusedPeers(log), log },
    });
    const throttles = createThrottles(steadyTime);
    const identity: GatewayContext["identity"] = {
      ...{ id: gatewayIdSchema.parse(gatewayId), siteId: id, endpoint: `127.0.0.1:${tunnel.port}` },
      ...{ tunnel: "direct-tls", version: "0.0.0", storage: "extentstore" },
    };
    return new LosableSite(id, dir, workers, {
      ...{ storage, identity, now, tunnel, serve: servesNothing.serve, awaitReady: servesNothing.awaitReady },
      send: createSendVolume({ workers, tunnel, extentsInFlight: 2, throttles }),
      prove: createProve({ current: () => credentials, log }),
    });
  }

  get identity(): GatewayContext["identity"] {
    return this.#context.identity;
  }

  /** Does a run's task as the gateway does. @throws what it throws */
  perform(task: RunTask): Promise<TaskResult> {
    return performTask(task, {
      ...this.#context,
      log: recordingLog(),
      signal: new AbortController().signal,
      onMoved: () => undefined,
      onProgress: () => undefined,
      onAttached: async () => undefined,
      onAcknowledged: () => undefined,
    });
  }

  /** What the gateway says when it is asked what no run asks. */
  async answer(task: Exclude<Task, RunTask>): Promise<readonly object[]> {
    if (isRunTask(task) || task.kind !== "foreign-plans") return [];
    const said: object[] = [];
    const reports = { send: async (report: object) => void said.push(report) };
    const { signal } = new AbortController();
    const deps = { context: this.#context, reports, time: steadyTime, log: recordingLog() };
    await tellForeignPlans(deps, task, { signal, onMoved: new Movement().onMoved });
    return said;
  }

  createVolume(name: string, extents = 4) {
    return this.driver.createVolume({ name, kind: "volume", sizeBytes: extents * extentBytes, geometry });
  }

  write(volumeId: string, offset: number, bytes: number, seed: number): Promise<void> {
    return write(this.driver, volumeId, [offset, noise(bytes, seed)]);
  }

  read(volumeId: string): Promise<Buffer> {
    return readVolume(this.driver, volumeId);
  }

  /** What a group has here of a volume of the protected site. */
  async readGroup(groupId: GroupId, sourceVolumeId: string): Promise<Buffer> {
    const group = await this.driver.findGroup(groupId);
    const snapshot = group?.snapshots.find((one) => one.sourceVolumeId === sourceVolumeId);
    return readSnapshot(this.driver, snapshot?.snapshotId ?? assert.fail(`${groupId} has no ${sourceVolumeId}`));
  }

  /** The building burns. */
  async burn(): Promise<void> {
    if (this.isGone) return;
    this.isGone = true;
    await this.#tunnel.stop(0);
    await this.#workers.close();
    await this.driver.close();
    await rm(this.dir, { recursive: true });
  }
}
