import { access, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { apiUrlSchema } from "../../core/address/api-url.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { placeOf, type StorageConfig } from "../../gateway/storage/config.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { findLocalContext, readLocalContext } from "../../infra/local/context.ts";
import type { Host } from "../host/host.ts";
import { warningText } from "../render/errors.ts";
import { type Style, styleFor } from "../render/style.ts";
import { createClient } from "./client.ts";
import { refuseForeign } from "./own-folder.ts";
import { refuseForeignListener } from "./own-listener.ts";

/** What may stand on every command line. */
export interface GlobalOptions {
  readonly dir?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** What a command prints at its end: one document for scripts, a text for people. */
export interface Answer {
  readonly json: unknown;
  readonly text: string;
  readonly exitCode?: number;
  /** Where standard output has something else to carry. */
  readonly isForStderr?: boolean;
}

export type Api = ReturnType<typeof createClient>;

/** What a command works with: the world, and what its command line and the environment say. */
export interface Context {
  readonly host: Host;
  readonly json: boolean;
  readonly style: Style;
  /** The local environment's folder, absolute. */
  readonly dir: string;
  /** @throws VisibleError FORBIDDEN when the folder is another user's, and nobody has named it */
  refuseTraps(): Promise<void>;
  /**
   * @throws VisibleError NOT_FOUND where nothing says where the API is;
   * UNAUTHENTICATED without a token
   */
  connect(): Promise<Api>;
  /** True when there is something to connect to. */
  hasApi(): Promise<boolean>;
  /**
   * Opens a site's storage, which must be on this host: that of the local environment, or an
   * extentstore's folder.
   */
  openStorage(site: string, store: string | undefined): Promise<StorageDriver>;
  warn(message: string): void;
}

const dirOtherwise = ".smtx-backup";

export const createContext = (host: Host, options: GlobalOptions): Context => {
  const { env } = host;
  const json = options.json === true;
  if (options.dir === "") throw noDirNamed();
  const givenDir = options.dir ?? (env["SMTX_BACKUP_DIR"] || undefined);
  const dir = resolve(givenDir ?? dirOtherwise);
  const refuseTraps = async (): Promise<void> => {
    if (givenDir === undefined) await refuseForeign(dir);
  };
  const givenUrl = options.url ?? (env["SMTX_BACKUP_URL"] || undefined);
  const warn = (message: string): void => {
    const style = styleFor({ isTerminal: host.stderr.isTerminal, env });
    host.stderr.write(`${warningText(message, { json, style })}\n`);
  };
  return {
    host,
    json,
    style: styleFor({ isTerminal: host.stdout.isTerminal, env }),
    dir,
    refuseTraps,
    connect: async () => {
      const url = givenUrl === undefined ? undefined : checkedUrl(givenUrl);
      const givenToken = await tokenGiven(options, env);
      if (url === undefined) {
        await refuseTraps();
        return connectLocally(host, dir, givenToken);
      }
      // The local environment's token is for its API only: it does not go to a URL
      // that somebody names.
      if (givenToken === undefined) throw noToken(url);
      return createClient({ url, token: givenToken, signal: host.signal, fetch: host.fetch });
    },
    hasApi: async () => givenUrl !== undefined || (await findLocalContext(dir)) !== undefined,
    openStorage: async (site, store) => {
      if (store === undefined) await refuseTraps();
      const config = store === undefined ? await storageOf(dir, site) : await storeAt(store);
      const { openStorage } = await import("../../gateway/storage/open.ts");
      return openStorage(config, { onTightened: (count) => warn(tightened(placeOf(config), count)) });
    },
    warn,
  };
};

const tightened = (dir: string, count: number): string =>
  `Other users of this machine could read or write ${count} of the files and folders in ${dir}, and can't any more.`;

/** It would be the folder that this process is in, where nobody expects a local environment. */
const noDirNamed = () =>
  new VisibleError("BAD_REQUEST", "--dir names no folder: it is empty.", {
    hint: `Name the local environment's folder, or leave --dir out for ${dirOtherwise}.`,
  });

/** Never on the command line, where every user of the host could read it. */
const tokenGiven = async ({ tokenFile }: GlobalOptions, env: Host["env"]): Promise<string | undefined> =>
  tokenFile === undefined ? tokenIn(env) : readToken(tokenFile);

const tokenIn = (env: Host["env"]): string | undefined => {
  const token = env["SMTX_BACKUP_TOKEN"]?.trim() || undefined;
  return token && checkedToken(token, "SMTX_BACKUP_TOKEN");
};

/** What can't stand in a header is no token; nor is it shown, for it may be another secret. */
const checkedToken = (token: string, where: string): string => {
  if (/^[!-~]+$/.test(token)) return token;
  throw new VisibleError("UNAUTHENTICATED", `There is no token in ${where}: a token is one word of ASCII.`, {
    hint: "Make one with: smtx-backup token create NAME --scope read; or name the file that holds it with --token-file.",
  });
};

const readToken = async (file: string): Promise<string> => {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VisibleError("UNAUTHENTICATED", `The token can't be read: ${why}.`, {
      hint: "Name a file that holds the token, and that you may read, with --token-file.",
      cause,
    });
  });
  return checkedToken(text.trim(), file);
};

const connectLocally = async (host: Host, dir: string, givenToken: string | undefined): Promise<Api> => {
  const { url, tokenFile } = await readLocalContext(dir);
  await refuseForeignListener(dir, url);
  const token = givenToken ?? (await readToken(tokenFile));
  const fetchOrExplain: typeof fetch = async (...request) => {
    try {
      return await host.fetch(...request);
    } catch (error) {
      throw isRefused(error) ? notRunning(url, dir, error) : error;
    }
  };
  return createClient({ url, token, signal: host.signal, fetch: fetchOrExplain });
};

const isRefused = (error: unknown): boolean =>
  error instanceof Error && (("code" in error && error.code === "ECONNREFUSED") || isRefused(error.cause));

const notRunning = (url: string, dir: string, cause: unknown) =>
  new VisibleError("LINK_BROKEN", `The local environment in ${dir} is not running: nobody listens at ${url}.`, {
    hint: `Start it with: smtx-backup local up --dir ${dir}`,
    cause,
  });

/** What is refused is not shown: a password may stand in it. */
const checkedUrl = (url: string): string => {
  const { error } = apiUrlSchema.safeParse(url);
  if (error === undefined) return url;
  const [problem] = error.issues;
  throw new VisibleError("BAD_REQUEST", `The API's URL that was given ${problem?.message}.`, {
    hint: "Give one such as https://backup.example.com with --url or SMTX_BACKUP_URL.",
  });
};

const noToken = (url: string) =>
  new VisibleError("UNAUTHENTICATED", `There is no token for the API at ${url}.`, {
    hint: "Give one with --token-file FILE, or in the environment variable SMTX_BACKUP_TOKEN.",
  });

const storageOf = async (dir: string, site: string): Promise<StorageConfig> => {
  const { sites } = await readLocalContext(dir);
  const found = Object.hasOwn(sites, site) ? sites[site] : undefined;
  if (found !== undefined) return found.storage;
  throw new VisibleError("SITE_UNKNOWN", `The local environment in ${dir} has no site “${site}”.`, {
    hint: `It has ${Object.keys(sites).join(", ")}. On the host of another site's gateway, name its extentstore with --store DIR.`,
  });
};

/** Opening a folder makes a store of it, so a folder that somebody names must be one already. */
/** A folder that is an extentstore already: opening another one would make it one. */
export const storeAt = async (dir: string): Promise<StorageConfig> => {
  await access(join(dir, "store.sqlite")).catch((cause: unknown) => {
    throw new VisibleError("NOT_FOUND", `There is no extentstore in ${dir}.`, {
      hint: "Name the folder that stands as storage.dir in the gateway's configuration; the gateway makes it at its first start.",
      cause,
    });
  });
  return { kind: "extentstore", dir };
};
