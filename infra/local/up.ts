import { join } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { scopeSchema } from "../../core/api/token.ts";
import type { Environment } from "../../functions/aws/clients.ts";
import { authoritiesOf } from "../../functions/certificates/authorities.ts";
import { siteKey } from "../../functions/documents/records.ts";
import { createLog } from "../../functions/monitoring/log.ts";
import type { Deps, Log } from "../../functions/ports/deps.ts";
import { putOnce } from "../../functions/runs/put-once.ts";
import { authenticate, createToken } from "../../functions/tokens/tokens.ts";
import { refuseTooFewDescriptors } from "../../gateway/files/descriptors.ts";
import { readIfThere, writeFileSafely } from "../../gateway/files/files.ts";
import { makeFolder } from "../../gateway/files/folder.ts";
import { logDestination } from "../../gateway/log/destination.ts";
import type { Death } from "../../gateway/processes/keep-running.ts";
import { FileLock } from "../../gateway/storage/extentstore/data/locks.ts";
import { steadyTime, type Time } from "../../gateway/time/time.ts";
import { findLocalContext, writeLocalContext } from "./context.ts";
import { startControlPlane } from "./control-plane.ts";
import { startEndpoints } from "./endpoints.ts";
import { createEnroller, type Enroller } from "./enrolled.ts";
import { tightenFolder } from "./from-before.ts";
import { type ConfiguredGateway, configureAll, multiCluster, type OtherStorages, storageOf } from "./gateway-files.ts";
import { superviseGateway } from "./gateways.ts";
import { ensureAuthority } from "./pki.ts";
import { chooseSites } from "./sites.ts";

export interface LocalUpOptions {
  /** Everything lies in here: table, schedules, certificates, the sites' stores, logs. */
  readonly dir: string;
  /** Absent: those that the folder has; in a new one a and b. */
  readonly sites?: readonly string[];
  readonly gatewaysPerSite: number;
  /** Of sites that have a cluster of their own: the others have a store in the folder. */
  readonly storages?: OtherStorages;
  /**
   * An Envoy for each gateway: the program's path, or `auto` to look for one. Without it gateways
   * dial each other.
   */
  readonly envoy?: string;
  /** Nobody else uses this machine: the emulators may listen where every user reaches them. */
  readonly sharedHost?: boolean;
  /** Ends it all, in order. */
  readonly signal: AbortSignal;
  /** Called once the API answers and the gateways are being started. */
  readonly onReady?: (running: {
    readonly url: string;
    readonly tokenFile: string;
    readonly sites: readonly string[];
  }) => void;
  /** Told in a sentence what has gone wrong and is being mended. */
  readonly onTrouble?: (sentence: string) => void;
  /** For the waits between the starts of what keeps ending. */
  readonly time?: Time;
}

/**
 * Runs the whole system on this machine until the signal: control plane, emulators of whatever
 * `AWS_ENDPOINT_URL` does not name, and the gateways of each site as processes of their own. Each
 * process is started again when it dies. Started again on the same folder, it goes on where it was.
 *
 * @throws VisibleError STORE_IN_USE when it runs on this folder already, HOST_SHARED, TOOL_MISSING,
 *   BAD_REQUEST, TOO_FEW_DESCRIPTORS; PROCESS_LOST when a process keeps dying: then all of it is
 *   ended
 */
export const localUp = async (options: LocalUpOptions): Promise<void> => {
  const { dir, gatewaysPerSite, storages, envoy, sharedHost = false } = options;
  const { onReady, onTrouble, time = steadyTime } = options;
  await refuseTooFewDescriptors();
  await makeFolder(dir, { signal: options.signal });
  const lock = FileLock.tryAcquire(join(dir, "in-use"));
  if (lock === undefined) {
    throw new VisibleError("STORE_IN_USE", `Another smtx-backup runs on ${dir} already.`, {
      hint: "Use that one, or end it first.",
    });
  }
  const { sites: siteIds, leftOut } = await chooseSites(dir, options.sites);
  if (leftOut.length > 0) {
    onTrouble?.(`Not started: ${leftOut.join(", ")}, which the folder has, too. What needs them waits.`);
  }
  const logFile = logDestination(join(dir, "control-plane.log"));
  const log = createLog({ part: "control-plane" }, logFile);
  const count = await tightenFolder(dir);
  if (count > 0) log.warn({ count }, "what other users could read of the folder is closed to them");
  const onDeath = ({ what, how, pauseMs }: Death): void => {
    log.error({ what, how, pauseMs }, "a process has ended, and is started again");
    onTrouble?.(`${sentence(what)} has ended (${how}) and is started again.`);
  };
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const endpoints = await startEndpoints({ dir, env: process.env, sharedHost, onDeath, time, signal });
  if (endpoints.open.length > 0) onTrouble?.(openToAll);
  // The gateways end before the functions do, so that their last reports are taken in.
  const functions = new AbortController();
  try {
    const before = await findLocalContext(dir);
    const port = Number(before === undefined ? 0 : new URL(before.url).port);
    const authority = await ensureAuthority(join(dir, "pki"), multiCluster);
    const controlPlane = await startControlPlane({
      dir,
      env: endpoints.env,
      // Work for the others waits in their queues.
      sites: [...siteIds, ...leftOut],
      port,
      authorities: authoritiesOf(new Map([[multiCluster, authority]])),
      log,
      signal: functions.signal,
    });
    try {
      for (const site of siteIds) await registerSite(controlPlane.deps, site);
      const tokenFile = await ensureToken(controlPlane.deps, dir);
      const gateways = await configureAll({
        ...{ dir, sites: siteIds, gatewaysPerSite, storages, api: controlPlane.url, envoy },
      });
      const enrolment = createEnroller(controlPlane.deps, authority, signal);
      // What can't be done is told before anything is called ready.
      for (const { config } of gateways) await enrolment.ensure(config);
      await writeLocalContext(dir, { url: controlPlane.url, tokenFile, sites: contextsOf(dir, siteIds, storages) });
      log.info({ url: controlPlane.url, started: endpoints.started }, "ready");
      onReady?.({ url: controlPlane.url, tokenFile, sites: siteIds });
      const gatewaysEnd = runGateways({ gateways, enrolment, env: endpoints.env, onDeath, time, log, signal });
      try {
        await Promise.race([gatewaysEnd, endpoints.lost, controlPlane.ended]);
      } finally {
        over.abort();
        await gatewaysEnd.catch(() => undefined);
      }
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

/**
 * Runs all gateways until the signal, and keeps them enrolled. @throws VisibleError PROCESS_LOST,
 * once the others have ended too
 */
const runGateways = async (options: {
  readonly gateways: readonly ConfiguredGateway[];
  readonly enrolment: Enroller;
  readonly env: Environment;
  readonly onDeath: (death: Death) => void;
  readonly time: Time;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { gateways, enrolment, log, ...rest } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const running = gateways.map(({ config, process: gateway }) => {
    const mayStart = async (): Promise<boolean> => {
      if (await enrolment.ensure(config)) return true;
      log.warn({ gatewayId: gateway.id }, "a gateway that was removed is not started");
      return false;
    };
    return superviseGateway({ ...rest, gateway, mayStart, signal });
  });
  const configs = gateways.map(({ config }) => config);
  const all = [...running, enrolment.keep(configs, { log, signal })];
  try {
    await Promise.all(all);
  } finally {
    over.abort();
    await Promise.allSettled(all);
  }
};

const openToAll =
  "Every user of this machine can read and write the emulators, the API's tokens in them included (--shared-host).";

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const contextsOf = (dir: string, sites: readonly SiteId[], storages: OtherStorages | undefined) =>
  Object.fromEntries(sites.map((site) => [site, { storage: storageOf(dir, site, storages) }]));

const registerSite = async (deps: Deps, id: SiteId): Promise<void> => {
  const body = { id, multiCluster, createdAt: deps.clock.now() };
  await putOnce(deps, { key: siteKey(id), body });
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
