import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { VisibleError } from "../../core/api/errors.ts";
import { attachmentCertificate } from "../../pki/attachment.ts";

const dayMs = 24 * 3600 * 1000;

/** The certificates of an attachment's clients, in a folder as libnbd and QEMU look for them. */
export interface ClientCertificates {
  /** Absolute. */
  readonly folder: string;
  /** What the gateway is told. */
  readonly clientAuthority: string;
  /** Puts the one that they are to trust beside them. */
  trust(authority: string): Promise<void>;
}

/**
 * Makes a key and a certificate for the clients of one attachment, in a new folder that is this
 * user's alone.
 * @throws VisibleError BAD_REQUEST, when the folder is there or can't be made
 */
export const makeClientCertificates = async (folder: string, validSeconds: number): Promise<ClientCertificates> => {
  const path = resolve(folder);
  await mkdir(path, { mode: 0o700 }).catch((cause: unknown) => {
    throw new VisibleError("BAD_REQUEST", `The folder ${path} can't be made: ${String(cause)}.`, {
      hint: "Name one that is not there yet, with --certificates.",
      cause,
    });
  });
  const validMs = validSeconds * 1000 + dayMs;
  const own = await attachmentCertificate({ nowMs: Date.now(), validMs });
  const write = (name: string, text: string) => writeFile(join(path, name), text, { mode: 0o600 });
  await write("client-key.pem", own.keyPem);
  await write("client-cert.pem", own.certificatePem);
  return {
    folder: path,
    clientAuthority: own.authorityPem,
    // QEMU looks whether its own certificate is good as well.
    trust: (authority) => write("ca-cert.pem", `${authority}\n${own.authorityPem}`),
  };
};
