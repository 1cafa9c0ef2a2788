import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseGatewayConfig } from "../../../gateway/config/config.ts";
import { enrolGateway } from "../../../gateway/enrolment/enrol.ts";
import { writeFileSafely } from "../../../gateway/files/files.ts";
import { importImage } from "../../../gateway/storage/image/import.ts";
import { openStorage } from "../../../gateway/storage/open.ts";
import { systemTime } from "../../../gateway/time/time.ts";
import { writePattern } from "../../../infra/local/demo/image.ts";
import { superviseGateway } from "../../../infra/local/gateways.ts";
import { environmentWith } from "../emulators.ts";
import { type Deployment, installation } from "./deployment.ts";
import { type ApiCall, multiCluster } from "./exercises.ts";

const imageBytes = 8 * 1024 ** 2;

/** A gateway at each site as a process of its own, which has enrolled at the deployed API. */
export interface Gateways {
  /** Makes a LUN at a site. */
  importLun(site: string, name: string): Promise<void>;
  stop(): Promise<void>;
}

export const startGateways = async (
  deployment: Deployment,
  call: ApiCall,
  sites: readonly string[],
): Promise<Gateways> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-deployed-"));
  const stop = new AbortController();
  const storageOf = (site: string) => ({ kind: "extentstore" as const, dir: join(dir, site, "store") });

  const enrolled = async (siteId: string) => {
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
    return { gateway: { id: gatewayId, ...files }, env: environmentWith(deployment.gatewayEnv) };
  };

  const running: Promise<void>[] = [];
  for (const site of sites) {
    running.push(
      superviseGateway({ ...(await enrolled(site)), onDeath: () => undefined, time: systemTime, signal: stop.signal }),
    );
  }
  return {
    async importLun(site, name) {
      const file = join(dir, "disk.img");
      await writePattern(file, imageBytes, 1);
      const storage = await openStorage(storageOf(site));
      try {
        await importImage({ file, storage, signal: AbortSignal.timeout(60_000), name, kind: "lun" });
      } finally {
        await storage.close();
      }
    },
    async stop() {
      stop.abort();
      await Promise.all(running);
      await rm(dir, { recursive: true, force: true });
    },
  };
};
