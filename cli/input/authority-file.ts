import { readFile } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates in a file; a key that lies beside them is left where it is.
 * @throws VisibleError BAD_REQUEST
 */
export const readAuthorityFile = async (file: string): Promise<string> => {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VisibleError("BAD_REQUEST", `The authority can't be read: ${why}.`, { hint, cause });
  });
  const blocks = text.match(pemBlock) ?? [];
  if (blocks.length > 0) return blocks.join("\n");
  throw new VisibleError("BAD_REQUEST", `There is no certificate in ${file}.`, { hint });
};

const hint =
  "Name the certificate of the authority that the control plane before had, or a gateway's copy of it: --authority FILE";
