import { lookup } from "node:dns/promises";
import { chmod, readFile, rm } from "node:fs/promises";
import { VisibleError } from "../../../core/api/errors.ts";
import type { SiteId } from "../../../core/api/ids.ts";
import { writeFileSafely } from "../../files/files.ts";
import { makeFolder } from "../../files/folder.ts";
import { whileMoving } from "../../time/standstill.ts";
import { steadyTime, type Time } from "../../time/time.ts";
import { until } from "../../time/until.ts";
import { assertValidNow, type TlsCredentials } from "../certificates.ts";
import { assertSomebody, createProxiedClient } from "../client.ts";
import type { ConnectionBounds, TunnelServerTimeouts } from "../listening.ts";
import { OpenClients } from "../open-clients.ts";
import { startProxiedServer } from "../proxied-server.ts";
import type { Tunnel, TunnelOptions } from "../tunnel.ts";
import { isListening, isReady, pollMs } from "./admin.ts";
import { bootstrap, clustersFile, identityFile, listenersFile, trustFile } from "./bootstrap.ts";
import { findEnvoy } from "./find.ts";
import { type EnvoyLayout, layoutIn } from "./layout.ts";
import { receiverClusterOf, receivingListener } from "./receiving.ts";
import { Refusals } from "./refusals.ts";
import { resources } from "./resources.ts";
import { type Endpoint, sendingListener, siteCluster, siteEndpoints, splitEndpoint } from "./sending.ts";
import { superviseEnvoy } from "./supervise.ts";

/** Envoy sees a replaced file within 10 ms; a machine that is busy takes longer. */
const takeUpMs = 10_000;
/**
 * For writing Envoy's files as well: a disk that hangs must not keep the ways to other sites from
 * being told.
 */
const reachSeconds = 60;
/** One that runs beside the gateway may be started after it. */
const besideMs = 60_000;
/** Holds keys. */
const secretMode = 0o600;

export interface EnvoyTunnelOptions extends TunnelOptions {
  /** A path, `auto`, or `beside`: one that somebody else runs with our bootstrap. */
  readonly envoy: string;
  /** Of this gateway alone: configuration and sockets. */
  readonly dir: string;
  readonly time?: Time;
  /** Of the receiver behind it. */
  readonly timeouts?: Partial<TunnelServerTimeouts>;
  readonly bounds?: ConnectionBounds;
}

/**
 * The tunnel through an Envoy on this host. It ends TLS at the site's public port and passes
 * requests to the receiver's socket; and it has a socket for each other site that something is sent
 * to. Its configuration is in files that it watches, so neither sites nor endpoints nor
 * certificates need a restart.
 * @throws VisibleError BAD_REQUEST without an Envoy; INTERNAL when it does not serve
 */
export const openEnvoyTunnel = async (options: EnvoyTunnelOptions): Promise<Tunnel> => {
  const { multiCluster, log, time = steadyTime } = options;
  const layout = layoutIn(options.dir);
  const command = options.envoy === "beside" ? undefined : await findEnvoy(options.envoy);
  await makeFolder(layout.dir);
  // Whoever reaches the receiver's socket is believed, so nobody else may even see it.
  await chmod(layout.dir, 0o700);
  // Of an Envoy that is gone; one that runs beside us keeps its own.
  if (command !== undefined) await rm(layout.adminSocket, { force: true });
  await writeStart(layout, options);
  const server = await startProxiedServer({
    socketPath: layout.receiverSocket,
    multiCluster,
    credentials: options.credentials,
    handler: options.handler,
    uploads: options.uploads,
    refused: options.refused,
    log,
    ...(options.timeouts !== undefined && { timeouts: options.timeouts }),
    ...(options.bounds !== undefined && { bounds: options.bounds }),
  });
  try {
    const refusals = new Refusals();
    let current = options.credentials;
    const running = await started(layout, command, { ...options, onRefused: refusals.note });
    const sites = new Sites({ layout, multiCluster, time, hasBbr: await kernelHasBbr() });
    const clients = new OpenClients(options.credentials);
    return {
      kind: "envoy",
      port: options.listen.port,
      connect: async ({ siteId, endpoints, signal, ...client }) => {
        assertSomebody(siteId, endpoints);
        assertValidNow(current);
        await sites.reach(siteId, endpoints, signal);
        const refusal = () => refusals.lately(siteId);
        return clients.add(createProxiedClient({ ...client, siteId, socketPath: layout.socketTo(siteId), refusal }));
      },
      renew: async (credentials) => {
        await writeCredentials(layout, credentials);
        current = credentials;
        server.renew(credentials);
        // A connection that is made before Envoy has taken the list up would stay; so they are made
        // anew once more when it has.
        if (clients.renew(credentials)) setTimeout(() => clients.reconnect(), takeUpMs).unref();
      },
      ended: running?.ended ?? endless,
      stop: async (withinSeconds) => {
        await server.stop(withinSeconds);
        await running?.stop();
      },
    };
  } catch (error) {
    await server.stop(0);
    throw error;
  }
};

/** Of an Envoy that somebody else looks after. */
const endless = new Promise<never>(() => undefined);

const write = (file: string, content: object): Promise<void> =>
  writeFileSafely(file, JSON.stringify(content), secretMode);

const writeCredentials = async (layout: EnvoyLayout, credentials: TlsCredentials): Promise<void> => {
  await write(layout.trust, trustFile(credentials));
  await write(layout.identity, identityFile(credentials));
};

const writeStart = async (layout: EnvoyLayout, options: EnvoyTunnelOptions): Promise<void> => {
  const { credentials, multiCluster, gatewayId, siteId, listen } = options;
  await writeCredentials(layout, credentials);
  await write(layout.clusters, clustersFile([]));
  await write(layout.listeners, listenersFile([]));
  const listeners = [receivingListener({ layout, multiCluster, ...listen })];
  await write(
    layout.bootstrap,
    bootstrap({ layout, gatewayId, siteId, listeners, clusters: [receiverClusterOf(layout)] }),
  );
};

const started = async (
  layout: EnvoyLayout,
  command: string | undefined,
  { log, time = steadyTime, onRefused }: EnvoyTunnelOptions & { readonly onRefused: Refusals["note"] },
) => {
  if (command !== undefined) return superviseEnvoy({ command, layout, log, time, onRefused });
  const { signal } = new AbortController();
  if (await until(() => isReady(layout.adminSocket), { everyMs: pollMs, withinMs: besideMs, time, signal }))
    return undefined;
  throw new VisibleError("INTERNAL", `No Envoy answers at ${layout.adminSocket}.`, {
    hint: `Start one beside the gateway, as the same user: envoy -c ${layout.bootstrap} --disable-hot-restart`,
  });
};

/** BBR has to be loaded before a socket may ask for it. */
const kernelHasBbr = async (): Promise<boolean> => {
  try {
    return (await readFile("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8")).split(/\s+/).includes("bbr");
  } catch {
    return false;
  }
};

/** The other sites that Envoy knows the way to. */
class Sites {
  readonly #layout: EnvoyLayout;
  readonly #multiCluster: SiteId;
  readonly #time: Time;
  readonly #hasBbr: boolean;
  /** Sites in Envoy's files. */
  readonly #written = new Set<SiteId>();
  /** Of the sites that Envoy has taken up, where their gateways are. */
  readonly #reached = new Map<SiteId, string>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: {
    readonly layout: EnvoyLayout;
    readonly multiCluster: SiteId;
    readonly time: Time;
    readonly hasBbr: boolean;
  }) {
    this.#layout = options.layout;
    this.#multiCluster = options.multiCluster;
    this.#time = options.time;
    this.#hasBbr = options.hasBbr;
  }

  /**
   * Resolves when Envoy has taken up where the site's gateways are. One change after the other.
   * @throws the signal's reason
   */
  async reach(siteId: SiteId, endpoints: readonly string[], signal: AbortSignal): Promise<void> {
    const content = resources([siteEndpoints(siteId, await Promise.all(endpoints.map(resolve)))]);
    const isReached = () => this.#reached.get(siteId) === JSON.stringify(content);
    if (isReached()) return;
    const late = () =>
      new VisibleError("TIMEOUT", `Envoy was not told the way to site ${siteId} within ${reachSeconds} s.`);
    const turn = this.#last.then(() =>
      whileMoving({ seconds: reachSeconds, time: this.#time, signal, late }, async (watch) => {
        if (!isReached()) await this.#update(siteId, content, watch.signal);
      }),
    );
    this.#last = turn.catch(() => undefined);
    await turn;
  }

  async #update(siteId: SiteId, content: object, signal: AbortSignal): Promise<void> {
    await write(this.#layout.endpointsOf(siteId), content);
    if (!this.#written.has(siteId)) {
      this.#written.add(siteId);
      await this.#writeSites();
    }
    const isUp = () => isListening(this.#layout.socketTo(siteId));
    if (!(await until(isUp, { everyMs: pollMs, withinMs: takeUpMs, time: this.#time, signal }))) {
      signal.throwIfAborted();
      throw new VisibleError("INTERNAL", `Envoy has not taken up the way to site ${siteId}.`, {
        hint: "It will be tried again. The gateway's log has what Envoy said.",
      });
    }
    this.#reached.set(siteId, JSON.stringify(content));
  }

  async #writeSites(): Promise<void> {
    const layout = this.#layout;
    const [multiCluster, hasBbr] = [this.#multiCluster, this.#hasBbr];
    const sites = [...this.#written];
    // Clusters first: a listener of which the cluster is missing would refuse for a moment.
    await write(
      layout.clusters,
      clustersFile(sites.map((siteId) => siteCluster({ layout, multiCluster, siteId, hasBbr }))),
    );
    await write(layout.listeners, listenersFile(sites.map((siteId) => sendingListener(layout, siteId))));
  }
}

/** Envoy takes addresses only. @throws VisibleError LINK_BROKEN when the name is unknown */
const resolve = async (endpoint: string): Promise<Endpoint> => {
  const { host, port, isAddress } = splitEndpoint(endpoint);
  if (isAddress) return { address: host, port };
  try {
    return { address: (await lookup(host)).address, port };
  } catch (cause) {
    throw new VisibleError("LINK_BROKEN", `The name ${host} of a gateway can't be resolved.`, {
      hint: "See that this host's name service knows it, or let the gateway advertise an address.",
      cause,
    });
  }
};
