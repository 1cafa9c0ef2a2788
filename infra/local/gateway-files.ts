import { join } from "node:path";
import { type GatewayId, gatewayIdSchema, type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import { type GatewayConfig, parseGatewayConfig } from "../../gateway/config/config.ts";
import { writeFileSafely } from "../../gateway/files/files.ts";
import { makeFolder } from "../../gateway/files/folder.ts";
import type { StorageConfig } from "../../gateway/storage/config.ts";
import { localNames } from "./control-plane.ts";
import { envoySettings } from "./envoy.ts";
import type { GatewayProcess } from "./gateways.ts";

/** All sites of a run on one machine are in one multi-cluster. */
export const multiCluster = siteIdSchema.parse("local");

/** The storages of sites that have another than a folder of their own here. */
export type OtherStorages = Readonly<Record<string, StorageConfig>>;

/** Where a site's data lies. */
export const storageOf = (dir: string, site: SiteId, others: OtherStorages = {}): StorageConfig =>
  others[site] ?? { kind: "extentstore", dir: join(dir, "sites", site, "store") };

/** A gateway of this machine, whose configuration is written. */
export interface ConfiguredGateway {
  readonly config: GatewayConfig;
  readonly process: GatewayProcess;
}

/** Writes the configuration of each gateway into the folder of its site. */
export const configureAll = async (options: {
  readonly dir: string;
  readonly sites: readonly SiteId[];
  readonly gatewaysPerSite: number;
  readonly storages?: OtherStorages | undefined;
  readonly api: string;
  readonly envoy: string | undefined;
}): Promise<readonly ConfiguredGateway[]> => {
  const gateways: ConfiguredGateway[] = [];
  for (const siteId of options.sites) {
    for (let n = 1; n <= options.gatewaysPerSite; n += 1) {
      gateways.push(await configure({ ...options, siteId, gatewayId: gatewayIdSchema.parse(`${siteId}${n}`) }));
    }
  }
  return gateways;
};

const configure = async (options: {
  readonly dir: string;
  readonly storages?: OtherStorages | undefined;
  readonly api: string;
  readonly envoy: string | undefined;
  readonly siteId: SiteId;
  readonly gatewayId: GatewayId;
}): Promise<ConfiguredGateway> => {
  const { dir, storages, api, envoy, siteId, gatewayId } = options;
  const folder = join(dir, "sites", siteId);
  await makeFolder(join(folder, "store"));
  const config = {
    gatewayId,
    siteId,
    multiCluster,
    storage: storageOf(dir, siteId, storages),
    api,
    tls: { ca: `${gatewayId}.ca.crt`, certificate: `${gatewayId}.crt`, key: `${gatewayId}.key` },
    queues: { prefix: localNames.queuePrefix },
    ...(envoy !== undefined && (await envoySettings({ dir, gatewayId, envoy }))),
  };
  const file = (name: string) => join(folder, `${gatewayId}.${name}`);
  // JSON is YAML, too.
  await writeFileSafely(file("yaml"), `${JSON.stringify(config, undefined, 2)}\n`);
  return {
    config: parseGatewayConfig(config, file("yaml")),
    process: { id: gatewayId, configFile: file("yaml"), logFile: file("log"), pidFile: file("pid") },
  };
};
