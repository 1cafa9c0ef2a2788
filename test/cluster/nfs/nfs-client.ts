import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { glob, link, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { endingWithUs } from "../../../gateway/processes/owned-process.ts";
import { findTool } from "../../../infra/local/demo/tools.ts";
import { needOwnNetwork, needRoot } from "../../need.ts";
import type { ClusterStandIn } from "../stand-in/stand-in.ts";

const serveAndRead = fileURLToPath(new URL("serve-and-read.sh", import.meta.url));
const withinMs = 120_000;

const packages = { "ganesha.nfsd": "nfs-ganesha", rpcbind: "rpcbind", "nfs-cp": "libnfs-utils", ip: "iproute2" };

/** Whether files can be served here: that takes root, and a network of one's own. */
export const needNfs = async (context: TestContext): Promise<boolean> => {
  for (const [tool, from] of Object.entries(packages)) {
    assert(await findTool(tool), `${tool} is missing here; install ${from}`);
  }
  const { done = false } = await glob("/usr/lib/*/ganesha/libfsalvfs.so").next();
  assert(!done, "ganesha can't serve a file system here; install nfs-ganesha-vfs");
  return needRoot(context) && (await needOwnNetwork(context));
};

/**
 * What a client of NFS reads of a file, by ganesha and libnfs: the cluster's files lie in the
 * directories where CloudTower says that they are.
 */
export const readOverNfs = async (
  { tower, cluster }: ClusterStandIn,
  { export: exportName, path }: { readonly export: string; readonly path: string },
): Promise<Buffer> => {
  const inodes = tower.model.nfsInodes.all().filter((inode) => inode.cluster === cluster);
  const [some] = inodes.flatMap(({ volume }) => volume ?? []);
  assert(some !== undefined, "the cluster has no file");
  // Beside the volumes: from elsewhere they can't be linked to.
  const dir = await mkdtemp(join(dirname(some.path), "nfs-"));
  try {
    const root = join(dir, "exports", exportName);
    await mkdir(root, { recursive: true });
    for (const inode of inodes.filter(({ nfs_export: { name } }) => name === exportName)) {
      const at = join(root, inode.path);
      await mkdir(inode.volume === undefined ? at : dirname(at), { recursive: true });
      if (inode.volume !== undefined) await link(inode.volume.path, at);
    }
    const [configuration, log, into] = [join(dir, "conf"), join(dir, "log"), join(dir, "read")];
    await writeFile(configuration, configurationOf(root, exportName));
    const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const parameters = [...namespaces, serveAndRead, configuration, log, root, path, into];
    const [command, all] = endingWithUs("unshare", parameters);
    await promisify(execFile)(command, [...all], { timeout: withinMs, killSignal: "SIGKILL" }).catch(async (error) => {
      const said = await readFile(log, "utf8").catch(() => "ganesha said nothing");
      throw new Error(`${path} can't be read over NFS: ${said.slice(-2000)}`, { cause: error });
    });
    return await readFile(into);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

const configurationOf = (root: string, exportName: string): string => `
NFS_CORE_PARAM { Protocols = 3; Enable_UDP = false; Enable_NLM = false; Enable_RQUOTA = false; }
EXPORT {
  Export_Id = 1; Path = ${root}; Pseudo = /${exportName}; Protocols = 3; Transports = TCP; SecType = sys;
  Access_Type = RW; Squash = No_Root_Squash;
  FSAL { Name = VFS; }
}
`;
