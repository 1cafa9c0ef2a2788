import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { constants, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { issueTo } from "../../bench/ours/certificates.ts";
import { type GatewayClient, startGatewayProcess } from "../../bench/ours/gateway-client.ts";
import { groupOf, multiCluster, owner, resultOf, sourceSite, targetSite, taskFields } from "../../bench/ours/tasks.ts";
import { gatewayIdSchema, type SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { parseGatewayConfig } from "../../gateway/config/config.ts";
import { ensureAuthority } from "../../infra/local/pki.ts";
import type { Authority } from "../../pki/authority.ts";
import { until } from "../patience.ts";
import type { LabHost } from "./link.ts";

const port = 9443;
/** A gateway looks each 30 s. */
const certificatesEveryMs = 2_000;

/** A gateway with its Envoy on a host of its own. */
export interface Node {
  readonly gateway: GatewayClient;
  readonly siteId: SiteId;
  readonly host: LabHost;
  readonly endpoint: string;
  /** Where it was started, with those of all nodes. */
  readonly dir: string;
  readonly envoyDir: string;
  /** What it has told of: failures that were to be expected, warnings, errors. */
  warnings(): Promise<readonly Warning[]>;
  /** Waits for a warning of that time or later, 10 s at most. */
  logged(sinceMs: number, wanted: (warning: Warning) => boolean): Promise<void>;
}

export interface Warning {
  readonly atMs: number;
  readonly msg: string;
  /** All of it, in JSON. */
  readonly line: string;
}

/** The authority of the multi-cluster of all nodes that are started in the folder. */
export const authorityIn = (dir: string): Promise<Authority> => ensureAuthority(pkiIn(dir), multiCluster);
/** Replaces the files of a node's certificate and its key with new ones, one after the other. */
export const renewCertificate = async ({ dir, siteId, host }: Node): Promise<void> => {
  const gatewayId = gatewayIdSchema.parse(host.name);
  await issueTo(pkiIn(dir), await authorityIn(dir), { multiCluster, siteId, gatewayId });
};

const pkiIn = (dir: string): string => join(dir, "pki");

/** Starts a gateway of a site on a host. Gateways of one site share its storage. */
export const startNode = async (dir: string, siteId: SiteId, host: LabHost): Promise<Node> => {
  const gatewayId = gatewayIdSchema.parse(host.name);
  const tls = await issueTo(pkiIn(dir), await authorityIn(dir), { multiCluster, siteId, gatewayId });
  const config = parseGatewayConfig(
    {
      ...{ gatewayId, siteId, multiCluster, tls, queues: { prefix: "none" }, logLevel: "notice" },
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
    const within = [...host.within, process.execPath] as const;
    const gateway = await startGatewayProcess(config, { within, output, certificatesEveryMs });
    const { envoyDir } = config;
    const warnings = () => warningsIn(logFile);
    const logged = async (sinceMs: number, wanted: (warning: Warning) => boolean) => {
      const isLogged = async () => (await warnings()).some((one) => one.atMs >= sinceMs && wanted(one));
      await until(`such a line in ${logFile}`, isLogged, 50, 10_000);
    };
    return { gateway, siteId, host, endpoint: `${host.address}:${port}`, dir, envoyDir, warnings, logged };
  } finally {
    closeSync(output);
  }
};

const warningsIn = async (logFile: string): Promise<readonly Warning[]> =>
  (await readFile(logFile, "utf8"))
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => ({ line, ...(JSON.parse(line) as { readonly time: string; readonly msg: string }) }))
    .map(({ line, time, msg }) => ({ atMs: Date.parse(time), msg, line }));

/** A volume of random data, which nothing makes smaller. */
export interface RandomDisk {
  readonly object: ObjectConfig;
  /** SHA-256, hex. */
  readonly digest: string;
}

/** Writes random data from the file's beginning. @returns the SHA-256 of the whole file */
const writeRandom = async (file: string, bytes: number): Promise<string> => {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT);
  try {
    await handle.writeFile(randomBytes(bytes));
    return createHash("sha256")
      .update(await readFile(file))
      .digest("hex");
  } finally {
    await handle.close();
  }
};

/** Makes one on a node, of another name than those that are there. */
export const makeDisk = async (
  { gateway, dir }: Node,
  {
    name = "disk",
    bytes,
    extentBytes,
  }: { readonly name?: string; readonly bytes: number; readonly extentBytes: number },
): Promise<RandomDisk> => {
  const file = join(dir, `${name}.img`);
  const digest = await writeRandom(file, bytes);
  await gateway.call("import", { file, name, geometry: { extentBytes, stripeCount: 1, stripeBytes: extentBytes } });
  const object = (await gateway.call("inventory", null)).find((made) => made.name === name);
  assert(object !== undefined);
  return { object, digest };
};

/** Writes other data over its beginning. */
export const overwriteDisk = async (
  { gateway, dir }: Node,
  { object }: RandomDisk,
  bytes: number,
): Promise<RandomDisk> => {
  const [volume] = object.volumes;
  assert(volume !== undefined);
  const file = join(dir, `${object.name}.img`);
  const digest = await writeRandom(file, bytes);
  await gateway.call("import", { file, into: volume.id });
  return { object, digest };
};

export interface Snapshot {
  readonly snapshotId: string;
  readonly config: ObjectConfig;
  readonly takenAt: string;
}

/** The tasks of the n-th run of a plan, as the control plane would send them. */
export class LabRun {
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

  /** What the source says of the mirror when it begins to send. */
  mirrorFields(mirrorVolumeId: string) {
    const { planId, groupId, sequence, source } = taskFields(this.#sequence, "transferring", sourceSite);
    return { planId, source, mirrorVolumeId, groupId, sequence, baseGroupId: null };
  }

  /**
   * One try of the transfer; fails as the task would. With the run that was published before, only
   * what changed is sent.
   */
  async transfer(
    source: Node,
    targets: readonly Node[],
    volume: { readonly snapshotId: string; readonly mirrorVolumeId: string },
    base: { readonly run: LabRun; readonly snapshotId: string } | null = null,
  ): Promise<void> {
    await source.gateway.call("perform", {
      ...taskFields(this.#sequence, "transferring", sourceSite),
      kind: "transfer",
      volumes: [{ ...volume, baseSnapshotId: base?.snapshotId ?? null }],
      baseGroupId: base === null ? null : groupOf(base.run.#sequence),
      compression: { enabled: true, level: 1, dictionary: true },
      endpoints: targets.map(({ endpoint }) => endpoint),
    });
  }

  /** Publishes the group at the target, and gives the SHA-256 of what can be restored from it. */
  async publish(target: Node, snapshot: Snapshot, volumes: Awaited<ReturnType<LabRun["prepare"]>>): Promise<string> {
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

  /** Rebuilds the published object at the target, and gives the SHA-256 of what it holds then. */
  async rebuild(target: Node, { config }: Snapshot): Promise<string> {
    const rebuilt = resultOf(
      "rebuild",
      await target.gateway.call("perform", {
        ...taskFields(restoreSequence, "rebuilding", targetSite),
        kind: "rebuild",
        fromGroupId: groupOf(this.#sequence),
        object: config,
        name: `rebuilt-${config.name}`,
      }),
    );
    // A snapshot of it shows that it is an object as any other, and can be read.
    const { kind, id, name } = rebuilt.object;
    const task = { ...taskFields(restoreSequence, "snapshotting", targetSite), kind: "snapshot" as const };
    await target.gateway.call("perform", { ...task, source: targetSite, objects: [{ kind, id, name }] });
    return target.gateway.call("sha256", { groupId: groupOf(restoreSequence) });
  }
}

/** Above those of all runs. */
const restoreSequence = 1_000;
