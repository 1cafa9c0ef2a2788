import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gatewayIdSchema } from "../../../../core/api/ids.ts";
import type { CertificateWithKey } from "../../../../pki/authority.ts";
import { freePort } from "../../../../test/free-port.ts";
import { until } from "../../../../test/patience.ts";
import type { Time } from "../../../time/time.ts";
import { credentialsOf, site } from "../../../transfer/testing/credentials.ts";
import { createMemoryLog } from "../../../transfer/testing/memory-log.ts";
import type { TlsCredentials } from "../../certificates.ts";
import type { ConnectionBounds, TunnelServerTimeouts } from "../../listening.ts";
import { RefusedPeers } from "../../refused.ts";
import type { PeerHandler } from "../../requests.ts";
import type { Tunnel } from "../../tunnel.ts";
import type { UploadHandler } from "../../upload/server.ts";
import { openEnvoyTunnel } from "../tunnel.ts";

export interface TestedEnvoy {
  readonly tunnel: Tunnel;
  readonly endpoint: string;
  readonly dir: string;
  /** What it has refused its peers. */
  readonly refused: RefusedPeers;
  readonly log: ReturnType<typeof createMemoryLog>;
  close(): Promise<void>;
}

/** The tunnel of gateway `<site>-1` through a real Envoy, at a port of loopback. */
export const openTestedEnvoy = async (options: {
  readonly authority: CertificateWithKey;
  readonly siteId: string;
  readonly handler: PeerHandler;
  /** Unless there is one, nobody may upload. */
  readonly uploads?: UploadHandler;
  readonly credentials?: TlsCredentials;
  readonly port?: number;
  readonly timeouts?: Partial<TunnelServerTimeouts>;
  readonly bounds?: ConnectionBounds;
  readonly time?: Time;
  /** `auto` unless told otherwise. */
  readonly envoy?: string;
  /** Called with the folder before anything is in it. */
  readonly onDir?: (dir: string) => void;
}): Promise<TestedEnvoy> => {
  const { authority, siteId, handler } = options;
  const dir = await mkdtemp(join(tmpdir(), "envoy-"));
  options.onDir?.(dir);
  const log = createMemoryLog();
  const port = options.port ?? (await freePort());
  const refused = new RefusedPeers(log);
  const tunnel = await openEnvoyTunnel({
    credentials: options.credentials ?? (await credentialsOf(authority, siteId)),
    multiCluster: site("mc"),
    siteId: site(siteId),
    gatewayId: gatewayIdSchema.parse(`${siteId}-1`),
    listen: { host: "127.0.0.1", port },
    handler,
    uploads: options.uploads ?? (async () => assert.fail("nobody may upload")),
    refused,
    log,
    ...(options.timeouts !== undefined && { timeouts: options.timeouts }),
    ...(options.bounds !== undefined && { bounds: options.bounds }),
    envoy: options.envoy ?? "auto",
    ...(options.time !== undefined && { time: options.time }),
    dir,
  });
  return {
    tunnel,
    endpoint: `127.0.0.1:${port}`,
    dir,
    log,
    refused,
    close: async () => {
      await tunnel.stop(1);
      await rm(dir, { recursive: true });
    },
  };
};

/** Waits for a line of the log. */
export const logged = async (
  { log }: Pick<TestedEnvoy, "log">,
  wanted: (line: { readonly message: string; readonly text: string }) => boolean,
): Promise<void> =>
  until("a line of the log", () =>
    log.lines.some(({ message, fields }) => wanted({ message, text: JSON.stringify(fields) })),
  );

/** The process that runs with the bootstrap in `dir`. */
export const envoyPidIn = async (dir: string): Promise<number | undefined> => {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (commandLine.includes(`${dir}/bootstrap.json`)) return Number(pid);
  }
  return undefined;
};
