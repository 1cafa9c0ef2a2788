import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { apiUrlSchema } from "../../core/address/api-url.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { logLevels } from "../log/log.ts";
import { storageConfigSchema, storagePathsBeside } from "../storage/config.ts";
import { configProblems } from "./problems.ts";

const path = z.string().min(1);

const everyAddress: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** gateway.yaml (or .json): one gateway process near one cluster. Unknown keys are refused. */
export const gatewayConfigSchema = z
  .strictObject({
    gatewayId: gatewayIdSchema,
    siteId: siteIdSchema,
    multiCluster: siteIdSchema,
    storage: storageConfigSchema,
    /** Where gateways of other sites are listened for. Port 0: any that is free. */
    listen: z
      .strictObject({
        host: z.string().min(1).default("127.0.0.1"),
        port: z.int().min(0).max(65535).default(0),
      })
      .prefault({}),
    /** `host:port` at which they reach this one; the listening address unless told otherwise. */
    advertise: z
      .string()
      .regex(/^.+:\d{1,5}$/, "host:port")
      .optional(),
    /**
     * Envoy ends the TLS of the tunnel: the program's path,
     * `auto` to look for one, or `beside` when somebody else runs one with the bootstrap in
     * `envoyDir`. Without it the gateway does so itself.
     */
    envoy: path.optional(),
    /** Of this gateway alone: what Envoy reads, and the sockets between the two. */
    envoyDir: path.default("envoy"),
    /**
     * Where the sockets of attachments lie: a folder of this user's alone, whose path is short.
     * Gateways of one site on one host may share it.
     */
    attachDir: path.default("attached"),
    /**
     * The control plane's URL, where the gateway enrols and renews its certificate. Without it
     * somebody else renews the files.
     */
    api: apiUrlSchema.optional(),
    /**
     * Files in PEM; relative ones lie beside the configuration. The revocations' is
     * `<certificate>.revoked` unless told otherwise.
     */
    tls: z.strictObject({ ca: path, certificate: path, key: path, revocations: path.optional() }),
    /**
     * The queues are
     * `<prefix>-<queue>-<siteId>` for tasks, transfers and settings, and `<prefix>-reports`.
     */
    queues: z.strictObject({
      prefix: z
        .string()
        .regex(/^[a-zA-Z0-9_-]{1,32}$/, "letters, digits, dashes and underscores, 32 characters at most"),
      /**
       * Where AWS credentials for them come from: the control plane, or what the
       * SDK finds on this host.
       */
      credentials: z.enum(["api", "environment"]).default("environment"),
    }),
    concurrency: z
      .strictObject({
        /** Transfers that are worked on at once. Targets share them, and each has one at least. */
        transfers: z.int().min(1).max(64).default(4),
        /** Other tasks that are worked on at once; these are short. */
        tasks: z.int().min(1).max(64).default(4),
        /** Extents of a volume that are on their way at once. */
        extentsInFlight: z.int().min(1).max(64).default(4),
        /** Threads that read, compare and compress, for what is sent and what is received. */
        workers: z
          .int()
          .min(1)
          .max(64)
          .default(() => availableParallelism()),
      })
      .prefault({}),
    logLevel: z.enum(logLevels).default("info"),
  })
  .refine(({ listen, advertise }) => advertise !== undefined || !everyAddress.has(listen.host), {
    path: ["advertise"],
    message: "needed, because others can't dial an address that stands for all",
  })
  .refine(({ api, queues }) => api !== undefined || queues.credentials !== "api", {
    path: ["api"],
    message: "needed with queues.credentials: api, which come from it",
  })
  .refine(({ envoy, listen }) => envoy === undefined || listen.port !== 0, {
    path: ["listen", "port"],
    message: "needed with envoy, which listens at it",
  });
type Written = z.infer<typeof gatewayConfigSchema>;
/** With whole paths. */
export type GatewayConfig = Omit<Written, "tls"> & { readonly tls: Readonly<Record<keyof Written["tls"], string>> };

const refused = (file: string, problems: readonly string[], cause?: unknown) =>
  new VisibleError("BAD_REQUEST", `The gateway's configuration ${file} is wrong: ${problems.join("; ")}.`, {
    hint: "Correct the file and start the gateway again.",
    cause,
  });

const read = async (file: string): Promise<unknown> => {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `The gateway's configuration ${file} can't be read.`, {
      hint: "Name the file with -c, and see that it may be read.",
      cause,
    });
  }
  try {
    return parse(text);
  } catch (cause) {
    throw refused(file, [cause instanceof Error ? cause.message : String(cause)], cause);
  }
};

/** @throws VisibleError BAD_REQUEST naming each wrong field by its path */
export const parseGatewayConfig = (value: unknown, file: string): GatewayConfig => {
  const parsed = gatewayConfigSchema.safeParse(value);
  if (!parsed.success) throw refused(file, configProblems(parsed.error, gatewayConfigSchema));
  const beside = (name: string) => resolve(dirname(file), name);
  const { storage, tls, envoy, envoyDir, attachDir } = parsed.data;
  return {
    ...parsed.data,
    storage: storagePathsBeside(storage, beside),
    ...(envoy !== undefined && { envoy: envoy.includes("/") ? beside(envoy) : envoy }),
    envoyDir: beside(envoyDir),
    attachDir: beside(attachDir),
    tls: {
      ca: beside(tls.ca),
      certificate: beside(tls.certificate),
      key: beside(tls.key),
      revocations: beside(tls.revocations ?? `${tls.certificate}.revoked`),
    },
  };
};

/**
 * Reads gateway.yaml or gateway.json. Relative paths in it are taken from the
 * folder that it lies in.
 * @throws VisibleError BAD_REQUEST when the file can't be read, or naming each
 * wrong field by its path
 */
export const loadGatewayConfig = async (file: string): Promise<GatewayConfig> =>
  parseGatewayConfig(await read(file), file);
