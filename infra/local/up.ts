import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import { VisibleError } from "../../core/api/errors.ts";
import { type GatewayId, gatewayIdSchema, type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import { scopeSchema } from "../../core/api/token.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { authoritiesOf } from "../../functions/authorities.ts";
import type { Deps } from "../../functions/deps.ts";
import { siteKey } from "../../functions/records.ts";
import { authenticate, createToken } from "../../functions/tokens.ts";
import { type GatewayConfig, parseGatewayConfig } from "../../gateway/config.ts";
import { readIfThere, writeFileSafely } from "../../gateway/files.ts";
import { FileLock } from "../../gateway/storage/extentstore/locks.ts";
import { findLocalContext, writeLocalContext } from "./context.ts";
import { localNames, startControlPlane } from "./control-plane.ts";
import { startEndpoints } from "./endpoints.ts";
import { ensureEnrolled } from "./enrolled.ts";
import { envoySettings } from "./envoy.ts";
import { type GatewayProcess, superviseGateway } from "./gateways.ts";
import { ensureAuthority } from "./pki.ts";

/** All sites of a run on one machine are in one multi-cluster. */
const multiCluster = siteIdSchema.parse("local");

export interface LocalUpOptions {
  /** Everything lies in here: table, schedules, certificates, the sites' stores, logs. */
  readonly dir: string;
  readonly sites: readonly string[];
  readonly gatewaysPerSite: number;
  /** An Envoy for each gateway: the program's path, or `auto` to look for one. Without it gateways dial each other. */
  readonly envoy?: string;
  /** Ends it all, in order. */
  readonly signal: AbortSignal;
  /** Called once the API answers and the gateways are being started. */
  readonly onReady?: (client: { readonly url: string; readonly tokenFile: string }) => void;
}

/**
 * Runs the whole system on this machine until the signal: control plane, emulators of whatever `AWS_ENDPOINT_URL` does
 * not name, and the gateways of each site as processes of their own. Started again on the same folder, it goes on where
 * it was.
 *
 * @throws VisibleError STORE_IN_USE when it runs on this folder already, TOOL_MISSING, BAD_REQUEST
 */
export const localUp = async (options: LocalUpOptions): Promise<void> => {
  const { dir, sites, gatewaysPerSite, envoy, signal, onReady } = options;
  const siteIds = sites.map((site) => siteIdSchema.parse(site));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const lock = FileLock.tryAcquire(join(dir, "in-use"));
  if (lock === undefined) {
    throw new VisibleError("STORE_IN_USE", `Another smtx-backup runs on ${dir} already.`, {
      hint: "Use that one, or end it first.",
    });
  }
  const logFile = pino.destination({ dest: join(dir, "control-plane.log"), sync: true });
  const log = pino({ base: { part: "control-plane" } }, logFile);
  const endpoints = await startEndpoints({ dir, env: process.env, signal });
  // The gateways end before the functions do, so that their last reports are taken in.
  const functions = new AbortController();
  try {
    const before = await findLocalContext(dir);
    const port = Number(before === undefined ? 0 : new URL(before.url).port);
    const authority = await ensureAuthority(join(dir, "pki"), multiCluster);
    const controlPlane = await startControlPlane({
      dir,
      env: endpoints.env,
      sites: siteIds,
      port,
      authorities: authoritiesOf(new Map([[multiCluster, authority]])),
      log,
      signal: functions.signal,
    });
    try {
      for (const site of siteIds) await registerSite(controlPlane.deps, site);
      const tokenFile = await ensureToken(controlPlane.deps, dir);
      const gateways = await configureAll({ dir, sites: siteIds, gatewaysPerSite, api: controlPlane.url, envoy });
      const enrolled: GatewayProcess[] = [];
      for (const { config, process } of gateways) {
        if (await ensureEnrolled(controlPlane.deps, { config, authority, signal })) enrolled.push(process);
        else log.warn({ gatewayId: process.id }, "a gateway that was removed is not started");
      }
      await writeLocalContext(dir, { url: controlPlane.url, tokenFile, sites: storages(dir, siteIds) });
      log.info({ url: controlPlane.url, started: endpoints.started }, "ready");
      onReady?.({ url: controlPlane.url, tokenFile });
      await Promise.all(enrolled.map((gateway) => superviseGateway({ gateway, env: endpoints.env, log, signal })));
    } finally {
      functions.abort();
      await controlPlane.ended;
    }
  } finally {
    await endpoints.stop();
    lock.release();
    logFile.end();
  }
};

const storeOf = (dir: string, site: SiteId) => ({
  kind: "extentstore" as const,
  dir: join(dir, "sites", site, "store"),
});

const storages = (dir: string, sites: readonly SiteId[]) =>
  Object.fromEntries(sites.map((site) => [site, { storage: storeOf(dir, site) }]));

const registerSite = async (deps: Deps, id: SiteId): Promise<void> => {
  const body = { id, multiCluster, createdAt: deps.clock.now() };
  try {
    await deps.store.commit([{ type: "put", key: siteKey(id), body, expect: "absent" }]);
  } catch (error) {
    if (!(error instanceof CommitConflict)) throw error;
  }
};

/** The first token is made on the first start, and again when the table no longer knows it. */
const ensureToken = async (deps: Deps, dir: string): Promise<string> => {
  const file = join(dir, "token");
  const known = (await readIfThere(file))?.trim();
  if (known !== undefined && (await isGood(deps, known))) return file;
  const { token } = await createToken(deps, { name: "local", scopes: scopeSchema.options });
  await writeFileSafely(file, `${token}\n`, 0o600);
  return file;
};

const isGood = async (deps: Deps, token: string): Promise<boolean> => {
  try {
    await authenticate(deps, token);
    return true;
  } catch (error) {
    if (VisibleError.is(error, "UNAUTHENTICATED")) return false;
    throw error;
  }
};

interface ConfiguredGateway {
  readonly config: GatewayConfig;
  readonly process: GatewayProcess;
}

const configureAll = async (options: {
  readonly dir: string;
  readonly sites: readonly SiteId[];
  readonly gatewaysPerSite: number;
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
  readonly api: string;
  readonly envoy: string | undefined;
  readonly siteId: SiteId;
  readonly gatewayId: GatewayId;
}): Promise<ConfiguredGateway> => {
  const { dir, api, envoy, siteId, gatewayId } = options;
  const folder = join(dir, "sites", siteId);
  await mkdir(join(folder, "store"), { recursive: true });
  const config = {
    gatewayId,
    siteId,
    multiCluster,
    storage: storeOf(dir, siteId),
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
