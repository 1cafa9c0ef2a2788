import { access, constants, stat } from "node:fs/promises";
import { VisibleError } from "../../../core/api/errors.ts";
import { KeptHashes } from "../../storage/kept-hashes.ts";
import { type SmtxConfig, smtxSecretFiles } from "../../storage/smtx-config.ts";

const group = 0o070;
const everybody = 0o007;

/** That the password, the CHAP secret and the SSH key can be read here, and by nobody else. */
export const checkSecrets = async (config: SmtxConfig): Promise<string> => {
  const files = smtxSecretFiles(config);
  for (const file of files) {
    await access(file, constants.R_OK).catch((cause: NodeJS.ErrnoException) => {
      const hint = cause.code === "ENOENT" ? `Write it, and then: ${privately(file)}` : whose(file);
      throw new VisibleError("BAD_REQUEST", `${file} can't be read: ${cause.code}.`, { hint, cause });
    });
    const { mode, uid } = await stat(file);
    // ssh uses no key of its user's that a group may read.
    const forbidden = file === config.ssh?.keyFile && uid === process.geteuid?.() ? group | everybody : everybody;
    if ((mode & forbidden) === 0) continue;
    const message = `${file} has mode 0${(mode & 0o777).toString(8)}: others than the gateway's user may read it.`;
    throw new VisibleError("BAD_REQUEST", message, { hint: whose(file) });
  }
  return `${files.length === 1 ? "a file" : `${files.length} files`} that others can't read`;
};

const whose = (file: string): string => `Make it the gateway's user's alone: ${privately(file)}`;

/** The user as docs/gateway.md has it. */
const privately = (file: string): string => `chown smtx-backup ${file}; chmod 600 ${file}`;

/** That the folder of the hashes is, or can be, this user's own. */
export const checkHashes = async ({ hashesDir }: SmtxConfig): Promise<string> => {
  if (hashesDir === undefined) return "none are kept: backups read more";
  try {
    return `${hashesDir}, ${await new KeptHashes(hashesDir).look()}`;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VisibleError("BAD_REQUEST", `Hashes can't be kept: ${why}.`, {
      hint: "Name a folder in storage.hashesDir that the gateway's user may make, or own. Without it backups read more.",
      cause: error,
    });
  }
};
