import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { type GatewayConfig, parseGatewayConfig } from "../../gateway/config/config.ts";
import type { StorageConfig } from "../../gateway/storage/config.ts";
import { ensureAuthority } from "../../infra/local/pki.ts";
import { freePort } from "../../test/free-port.ts";
import { runTool } from "../cases/tools.ts";
import { issueTo } from "./certificates.ts";
import { type GatewayClient, startGatewayProcess } from "./gateway-client.ts";
import { importVolume } from "./imports.ts";
import { multiCluster, sourceSite, targetSite } from "./tasks.ts";

export interface GatewayPair {
  readonly source: GatewayClient;
  readonly target: GatewayClient;
}

/** Two sites' storage, in a folder. */
export class Sites {
  readonly dir: string;
  readonly #pkiDir: string;
  readonly #storageOf: (siteId: string) => StorageConfig;

  private constructor(dir: string, pkiDir: string, storageOf: (siteId: string) => StorageConfig) {
    this.dir = dir;
    this.#pkiDir = pkiDir;
    this.#storageOf = storageOf;
  }

  /** Empty storage in a new folder, unless the sites have storage elsewhere. */
  static async create(
    dir: string,
    pkiDir: string,
    storageOf: (siteId: string) => StorageConfig = (siteId) => ({ kind: "extentstore", dir: siteId }),
  ): Promise<Sites> {
    await mkdir(dir, { recursive: true });
    return new Sites(dir, pkiDir, storageOf);
  }

  /** A copy of both sites' storage, which no gateway has open. */
  async copyTo(dir: string): Promise<Sites> {
    await runTool("cp", ["-a", "--reflink=auto", this.dir, dir]);
    return new Sites(dir, this.#pkiDir, this.#storageOf);
  }

  /** Fresh gateway processes over the storage for as long as `use` takes. */
  async withGateways<T>(use: (gateways: GatewayPair) => Promise<T>, { envoy } = { envoy: false }): Promise<T> {
    const withTarget = async (source: GatewayClient) => {
      const target = await startGatewayProcess(await this.#configOf(targetSite, envoy));
      try {
        return await use({ source, target });
      } finally {
        await target.stop();
      }
    };
    return this.withSource(withTarget, { envoy });
  }

  /** A fresh gateway process at the source alone. */
  async withSource<T>(use: (source: GatewayClient) => Promise<T>, { envoy } = { envoy: false }): Promise<T> {
    const source = await startGatewayProcess(await this.#configOf(sourceSite, envoy));
    try {
      return await use(source);
    } finally {
      await source.stop();
    }
  }

  /** An image as the source's volume that is measured. */
  importVolume(file: string, geometry: Geometry): Promise<ObjectConfig> {
    return this.withSource((source) => importVolume(source, { name: "disk", file, geometry }));
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true });
  }

  /**
   * A gateway's configuration as `gateway.yaml` would give it, with the defaults of the product.
   */
  async #configOf(siteId: typeof sourceSite, envoy: boolean): Promise<GatewayConfig> {
    const gatewayId = gatewayIdSchema.parse(`${siteId}1`);
    const authority = await ensureAuthority(this.#pkiDir, multiCluster);
    const tls = await issueTo(this.#pkiDir, authority, { multiCluster, siteId, gatewayId });
    const storage = this.#storageOf(siteId);
    const through = envoy ? { envoy: "auto", envoyDir: `envoy-${siteId}`, listen: { port: await freePort() } } : {};
    const config = {
      ...through,
      gatewayId,
      siteId,
      multiCluster,
      storage,
      tls,
      queues: { prefix: "none" },
      logLevel: "error",
    };
    return parseGatewayConfig(config, join(this.dir, "gateway.yaml"));
  }
}
