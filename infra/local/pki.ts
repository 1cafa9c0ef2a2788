import { join } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import { readIfThere, writeFileSafely } from "../../gateway/files/files.ts";
import { makeFolder } from "../../gateway/files/folder.ts";
import { type Authority, createAuthority, readAuthority } from "../../pki/authority.ts";

export interface AuthorityFiles {
  readonly certificate: string;
  readonly key: string;
}

export const authorityFilesIn = (dir: string): AuthorityFiles => ({
  certificate: join(dir, "ca.crt"),
  key: join(dir, "ca.key"),
});

/**
 * Makes an authority for a multi-cluster in `dir`: its certificate, and its key
 * for this user alone.
 * @throws VisibleError CONFLICT when there is one, which is not touched
 */
export const makeAuthority = async (dir: string, multiCluster: string): Promise<AuthorityFiles> => {
  const files = authorityFilesIn(dir);
  for (const file of [files.certificate, files.key]) {
    if ((await readIfThere(file)) === undefined) continue;
    throw new VisibleError("CONFLICT", `There is ${file} already.`, {
      hint: "Use that one, or choose another folder. Without its authority no gateway is believed any more.",
    });
  }
  await makeFolder(dir);
  const authority = await createAuthority({ multiCluster });
  await writeFileSafely(files.key, authority.keyPem, 0o600);
  await writeFileSafely(files.certificate, authority.certificatePem);
  return files;
};

/**
 * The authority under `dir`, whoever put it there; made on the first start.
 * @throws VisibleError BAD_REQUEST, CONFLICT
 */
export const ensureAuthority = async (dir: string, multiCluster: string): Promise<Authority> => {
  const files = authorityFilesIn(dir);
  const read = async () => [await readIfThere(files.certificate), await readIfThere(files.key)] as const;
  let [certificatePem, keyPem] = await read();
  if (certificatePem === undefined) {
    await makeAuthority(dir, multiCluster);
    [certificatePem, keyPem] = await read();
  }
  return readAuthority(`${certificatePem}\n${keyPem ?? ""}`, Date.now());
};
