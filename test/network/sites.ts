import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { issueTo } from "../../bench/ours/certificates.ts";
import { type GatewayClient, startGatewayProcess } from "../../bench/ours/gateway-client.ts";
import { groupOf, multiCluster, owner, resultOf, sourceSite, targetSite, taskFields } from "../../bench/ours/tasks.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { parseGatewayConfig } from "../../gateway/config.ts";
import { ensureAuthority } from "../../infra/local/pki.ts";
import type { Host } from "./link.ts";

const port = 9443;

/** A gateway with its Envoy on a host of its own. */
export interface Node {
  readonly gateway: GatewayClient;
  readonly host: Host;
  readonly endpoint: string;
  /** What it has warned of. */
  warnings(): Promise<readonly { readonly atMs: number; readonly msg: string }[]>;
}

/** Starts a gateway of a site on a host. Gateways of one site share its storage. */
export const startNode = async (dir: string, siteId: typeof sourceSite, host: Host): Promise<Node> => {
  const gatewayId = gatewayIdSchema.parse(host.name);
  const pki = join(dir, "pki");
  const tls = await issueTo(pki, await ensureAuthority(pki, multiCluster), { multiCluster, siteId, gatewayId });
  const config = parseGatewayConfig(
    {
      ...{ gatewayId, siteId, multiCluster, tls, queues: { prefix: "none" }, logLevel: "warn" },
      storage: { kind: "extentstore", dir: siteId },
      listen: { host: host.address, port },
      concurrency: { workers: 1 },
      envoy: "auto",
      envoyDir: `envoy-${host.name}`,
    },
    join(dir, "gateway.yaml"),
  );
  const logFile = join(dir, `${host.name}.log`);
  const output = openSync(logFile, "a");
  try {
    const gateway = await startGatewayProcess(config, { within: [...host.within, process.execPath], output });
    return { gateway, host, endpoint: `${host.address}:${port}`, warnings: () => warningsIn(logFile) };
  } finally {
    closeSync(output);
  }
};

const warningsIn = async (logFile: string) =>
  (await readFile(logFile, "utf8"))
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { readonly time: string; readonly msg: string })
    .map(({ time, msg }) => ({ atMs: Date.parse(time), msg }));

export interface Snapshot {
  readonly snapshotId: string;
  readonly config: ObjectConfig;
  readonly takenAt: string;
}

/** The tasks of the n-th run of a plan, as the control plane would send them. */
export class Run {
  readonly #sequence: number;

  constructor(sequence: number) {
    this.#sequence = sequence;
  }

  async snapshot(source: Node, { kind, id, name }: ObjectConfig): Promise<Snapshot> {
    const task = { ...taskFields(this.#sequence, "snapshotting", sourceSite), kind: "snapshot" as const };
    const taken = resultOf(
      "snapshot",
      await source.gateway.call("perform", { ...task, objects: [{ kind, id, name }] }),
    );
    const [object] = taken.objects;
    const [snapshotId] = object?.snapshotIds ?? [];
    assert(object !== undefined && snapshotId !== undefined);
    return { snapshotId, config: object.config, takenAt: taken.takenAt };
  }

  async prepare(target: Node, object: ObjectConfig) {
    const task = { ...taskFields(this.#sequence, "preparing", targetSite), kind: "prepare" as const, object };
    return resultOf("prepare", await target.gateway.call("perform", task)).volumes;
  }

  /** One try of the transfer; fails as the task would. */
  async transfer(source: Node, targets: readonly Node[], snapshotId: string, mirrorVolumeId: string): Promise<void> {
    await source.gateway.call("perform", {
      ...taskFields(this.#sequence, "transferring", sourceSite),
      kind: "transfer",
      volumes: [{ snapshotId, baseSnapshotId: null, mirrorVolumeId }],
      baseGroupId: null,
      compression: { enabled: true, level: 1, dictionary: true },
      endpoints: targets.map(({ endpoint }) => endpoint),
    });
  }

  /** Publishes the group at the target, and gives the SHA-256 of what can be restored from it. */
  async publish(target: Node, snapshot: Snapshot, volumes: Awaited<ReturnType<Run["prepare"]>>): Promise<string> {
    const groupId = groupOf(this.#sequence);
    await target.gateway.call("perform", {
      ...taskFields(this.#sequence, "publishing", targetSite),
      kind: "publish",
      mirrors: [{ index: 0, volumes: [...volumes] }],
      manifest: {
        ...owner,
        planName: "network",
        groupId,
        sequence: this.#sequence,
        takenAt: snapshot.takenAt as never,
        objects: [snapshot.config],
      },
    });
    return target.gateway.call("sha256", { groupId });
  }
}
