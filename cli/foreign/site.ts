import { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import type { GatewayConfig } from "../../gateway/config/config.ts";
import { placeOf } from "../../gateway/storage/config.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import type { ManifestJudge } from "../../pki/manifest-proof.ts";
import { type Context, storeAt } from "../context/context.ts";

/** Where a site is found with nothing but its gateway's host: what every command is told. */
export interface ForeignOptions {
  /** The gateway's configuration. */
  readonly config: string;
  /** An authority's certificate, believed besides the gateway's own. */
  readonly authority?: string;
}

/** A site as its own storage knows it. */
export interface ForeignSite {
  readonly config: GatewayConfig;
  readonly storage: StorageDriver;
  readonly judge: ManifestJudge;
  /** What stands behind `-c` to mean the same site: `gateway.yaml --authority ca.crt`. */
  readonly at: string;
}

/**
 * Opens the storage of a gateway's site for as long as it is used. The gateway may run meanwhile.
 * @throws VisibleError BAD_REQUEST (configuration or authority), NOT_FOUND (there is no store),
 *   FORBIDDEN (it is another user's), and what opening a storage throws
 */
export const withForeignSite = async <T>(
  context: Context,
  { config: file, authority }: ForeignOptions,
  use: (site: ForeignSite) => Promise<T>,
): Promise<T> => {
  const { loadGatewayConfig } = await import("../../gateway/config/config.ts");
  const config = await loadGatewayConfig(file);
  const { multiCluster, siteId } = config;
  const judge = { authorities: await authoritiesOf(config, authority), multiCluster, siteId };
  if (config.storage.kind === "extentstore") {
    await storeAt(config.storage.dir);
    await refuseOthersStore(config.storage.dir);
  }
  const { openStorage } = await import("../../gateway/storage/open.ts");
  const storage = await openStorage(config.storage, {
    onTightened: (count) =>
      context.warn(
        `Other users of this machine could read or write ${count} of the files in ${placeOf(config.storage)}, and can't any more.`,
      ),
  });
  const at = `${file}${authority === undefined ? "" : ` --authority ${authority}`}`;
  return use({ config, storage, judge, at }).finally(() => storage.close());
};

/** What root writes into a store its gateway could not read any more. */
const refuseOthersStore = async (dir: string): Promise<void> => {
  const { uid } = await stat(join(dir, "store.sqlite"));
  if (uid === process.geteuid?.()) return;
  throw new VisibleError(
    "FORBIDDEN",
    `The storage in ${dir} is another user's, whose gateway could not use what is written here.`,
    {
      hint: `Run it as the gateway's user: sudo -u '#${uid}' smtx-backup foreign-plan list -c gateway.yaml`,
    },
  );
};

/** Who issued this gateway's certificate is believed, and who is named; one of them is enough. */
const authoritiesOf = async ({ tls }: GatewayConfig, named: string | undefined): Promise<readonly string[]> => {
  if (named !== undefined) {
    const own = await readFile(tls.ca, "utf8").catch(() => "");
    return [await readAuthorities(named), ...(areAuthorities(own) ? [own] : [])];
  }
  return [await readAuthorities(tls.ca)];
};

const readAuthorities = async (file: string): Promise<string> => {
  const pem = await readFile(file, "utf8").catch((cause: unknown) => {
    throw noAuthority(file, cause instanceof Error ? cause.message : String(cause), cause);
  });
  if (areAuthorities(pem)) return pem;
  throw noAuthority(file, "it holds no certificate of an authority in PEM");
};

const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** One certificate or more, each of an authority. */
const areAuthorities = (pem: string): boolean => {
  const found = pem.match(certificates) ?? [];
  try {
    return found.length > 0 && found.every((one) => new X509Certificate(one).ca);
  } catch {
    return false;
  }
};

const noAuthority = (file: string, why: string, cause?: unknown) =>
  new VisibleError("BAD_REQUEST", `The authority ${file} can't be used: ${why}.`, {
    hint: "Name the file with the certificate, ca.crt, of the authority that the gateways had: --authority FILE. Its key is not needed.",
    cause,
  });
