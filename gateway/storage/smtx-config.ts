import { z } from "zod";
import { apiUrlSchema } from "../../core/address/api-url.ts";
import { extentBytesMax, extentBytesMin } from "../../core/api/object/volume-shape.ts";

const file = z.string().min(1);
/** `10.0.0.1`, `node1:2222`, `[fd00::1]:3260`; what would stand for an option is none. */
const address = z
  .string()
  .max(255)
  .regex(
    /^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/,
    "a host, or host:port; an IPv6 address in brackets",
  );
const user = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}$/, "letters, digits and _ . @ - only");

/**
 * An SMTX OS cluster: by what CloudTower, the iSCSI portal and, where it may be used, the command
 * line of its nodes are found. Secrets stand in files of their own, which only the gateway's user
 * may read.
 */
export const smtxConfigSchema = z.strictObject({
  kind: z.literal("smtx"),
  /** CloudTower's id of the cluster, or its name. */
  cluster: z.string().min(1).max(255),
  tower: z.strictObject({
    /** Such as https://tower.example; what the account's password is sent to. */
    url: apiUrlSchema,
    user: z.string().min(1).max(255),
    /** Who knows the account: CloudTower itself, or the directory that it asks. */
    source: z.enum(["local", "ldap"]).default("local"),
    passwordFile: file,
    /** The authority of its certificate, in PEM; those of this host unless told otherwise. */
    ca: file.optional(),
    /** So long a task of the cluster's may stand still; 50 unless told otherwise. */
    taskSeconds: z.int().min(1).max(55).optional(),
  }),
  iscsi: z.strictObject({
    /** The cluster's virtual address, and nodes as a next best; 3260 where no port is given. */
    portals: z.array(address).min(1).max(16),
    /** What targets of ours ask for: the secret has 12 to 16 letters and digits. */
    chap: z.strictObject({ user: z.string().min(1).max(255), secretFile: file }).optional(),
  }),
  /** Without it no extent map: every extent is compared. */
  ssh: z
    .strictObject({
      /** Nodes, tried in turn; 22 where no port is given. */
      hosts: z.array(address).min(1).max(64),
      user,
      keyFile: file,
      /** Host keys in the form of `ssh-keyscan`; another one is refused. */
      knownHostsFile: file,
    })
    .optional(),
  /**
   * What was sent from here, and written here, is known by hashes in this folder, so that it need
   * not be read again: 256 MB for a TiB. It may be deleted at any time. `hashes` beside the file
   * otherwise.
   */
  hashesDir: file.optional(),
  /** Of the cluster's volumes; 256 MiB unless told otherwise. */
  extentBytes: z.int().min(extentBytesMin).max(extentBytesMax).multipleOf(extentBytesMin).optional(),
});
export type SmtxConfig = z.infer<typeof smtxConfigSchema>;

/** With whole paths. */
export const smtxPathsBeside = (config: SmtxConfig, beside: (path: string) => string): SmtxConfig => {
  const { tower, iscsi, ssh, hashesDir = "hashes" } = config;
  const { ca } = tower;
  const { chap } = iscsi;
  return {
    ...config,
    hashesDir: beside(hashesDir),
    tower: { ...tower, passwordFile: beside(tower.passwordFile), ...(ca !== undefined && { ca: beside(ca) }) },
    iscsi: { ...iscsi, ...(chap !== undefined && { chap: { ...chap, secretFile: beside(chap.secretFile) } }) },
    ...(ssh !== undefined && {
      ssh: { ...ssh, keyFile: beside(ssh.keyFile), knownHostsFile: beside(ssh.knownHostsFile) },
    }),
  };
};

/** Nobody but the gateway's user may read them. */
export const smtxSecretFiles = ({ tower, iscsi, ssh }: SmtxConfig): readonly string[] =>
  [tower.passwordFile, iscsi.chap?.secretFile, ssh?.keyFile].filter((path) => path !== undefined);

/** Host and port of an address of the configuration. */
export const hostAndPort = (
  written: string,
  portOtherwise: number,
): { readonly host: string; readonly port: number } => {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(written) ?? [];
  return { host: bracketed ?? plain ?? written, port: port === undefined ? portOtherwise : Number(port) };
};
