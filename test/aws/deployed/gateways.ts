import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../../../functions/aws/clients.ts";
import { parseGatewayConfig } from "../../../gateway/config/config.ts";
import { enrolGateway } from "../../../gateway/enrolment/enrol.ts";
import { writeFileSafely } from "../../../gateway/files/files.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { importImage } from "../../../gateway/storage/image/import.ts";
import { openStorage } from "../../../gateway/storage/open.ts";
import { systemTime } from "../../../gateway/time/time.ts";
import { writePattern } from "../../../infra/local/demo/image.ts";
import { type GatewayProcess, superviseGateway } from "../../../infra/local/gateways.ts";
import { environmentWith } from "../emulators.ts";
import { type Deployment, installation } from "./deployment.ts";
import { type ApiCall, multiCluster } from "./exercises.ts";

const imageBytes = 8 * 1024 ** 2;

/** A gateway that has enrolled: its files, and what it finds in its environment. */
export interface EnrolledGateway {
  readonly gateway: GatewayProcess;
  readonly env: Environment;
}

/** A gateway at each site as a process of its own, which has enrolled at the deployed API. */
export interface Gateways {
  /** Site by site. */
  readonly enrolled: ReadonlyMap<string, EnrolledGateway>;
  /** One more, which does not run. */
  enrol(site: string): Promise<EnrolledGateway>;
  /** Opens a site's storage for as long as `use` takes. */
  onStorage<T>(site: string, use: (storage: StorageDriver) => Promise<T>): Promise<T>;
  /** Makes a LUN of 8 MiB at a site, unless told otherwise. */
  importLun(site: string, name: string, sizeBytes?: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * @param options.env what each gateway finds in its environment besides
 * @param options.queues where the gateways reach their queues, unless at ministack itself
 */
export const startGateways = async (
  deployment: Deployment,
  call: ApiCall,
  sites: readonly string[],
  { env: more = {}, queues: endpoint }: { readonly env?: Environment; readonly queues?: string } = {},
): Promise<Gateways> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-deployed-"));
  const stop = new AbortController();
  const storageOf = (site: string) => ({ kind: "extentstore" as const, dir: join(dir, site, "store") });

  const enrol = async (siteId: string): Promise<EnrolledGateway> => {
    const gatewayId = `${siteId}1`;
    const configFile = join(dir, siteId, "gateway.yaml");
    await mkdir(storageOf(siteId).dir, { recursive: true });
    const tls = { ca: "ca.crt", certificate: "gateway.crt", key: "gateway.key" };
    const queues = { prefix: installation.prefix, credentials: "api" as const };
    const settings = {
      gatewayId,
      siteId,
      multiCluster,
      storage: storageOf(siteId),
      api: deployment.api.url,
      tls,
      queues,
    };
    // JSON is YAML, too.
    await writeFileSafely(configFile, JSON.stringify(settings));
    await call("POST", "/v1/sites", { id: siteId, multiCluster });
    const { token } = await call<{ token: string }>("POST", `/v1/sites/${siteId}/enrolments`, { gatewayId });
    const config = parseGatewayConfig(settings, configFile);
    await enrolGateway(config, { token, signal: AbortSignal.timeout(30_000) });
    const files = { configFile, logFile: join(dir, siteId, "log"), pidFile: join(dir, siteId, "pid") };
    return {
      gateway: { id: gatewayId, ...files },
      env: environmentWith({ ...deployment.gatewayEnv, ...(endpoint !== undefined && { AWS_ENDPOINT_URL: endpoint }) }),
    };
  };

  const onStorage: Gateways["onStorage"] = async (site, use) => {
    const storage = await openStorage(storageOf(site));
    try {
      return await use(storage);
    } finally {
      await storage.close();
    }
  };

  const enrolled = new Map<string, EnrolledGateway>();
  const running: Promise<void>[] = [];
  for (const site of sites) {
    const one = await enrol(site);
    enrolled.set(site, one);
    const env = { ...one.env, ...more };
    running.push(superviseGateway({ ...one, env, onDeath: () => undefined, time: systemTime, signal: stop.signal }));
  }
  return {
    enrolled,
    enrol,
    onStorage,
    async importLun(site, name, sizeBytes = imageBytes) {
      const file = join(dir, "disk.img");
      await writePattern(file, sizeBytes, 1);
      await onStorage(site, (storage) =>
        importImage({ file, storage, signal: AbortSignal.timeout(60_000), name, kind: "lun" }),
      );
    },
    async stop() {
      stop.abort();
      await Promise.all(running);
      await rm(dir, { recursive: true, force: true });
    },
  };
};
