import { createHash, randomBytes } from "node:crypto";

const idBytes = 6;
const secretBytes = 32;

/**
 * A secret that is shown once and stored by its SHA-256: 256 random bits need no slow hash. It is
 * looked up by the hash, so no comparison takes longer for a better guess.
 */
export interface Secret {
  /**
   * `<prefix>_<id>_<secret>`: the prefix lets secret scanners know it, the id names
   * it in lists and logs.
   */
  readonly text: string;
  readonly id: string;
  readonly sha256: string;
}

/** @param random bytes from a source fit for secrets */
export const newSecret = (prefix: string, random: (bytes: number) => Uint8Array = randomBytes): Secret => {
  const id = Buffer.from(random(idBytes)).toString("hex");
  const secret = Buffer.from(random(secretBytes)).toString("hex");
  return { text: `${prefix}_${id}_${secret}`, id, sha256: sha256(secret) };
};

/** What is in a text that `newSecret` made; undefined for any other. */
export const readSecret = (prefix: string, text: string): Pick<Secret, "id" | "sha256"> | undefined => {
  const [, found, id, secret] = /^([a-z]+)_([0-9a-f]{12})_([0-9a-f]{64})$/.exec(text) ?? [];
  if (found !== prefix || id === undefined || secret === undefined) return undefined;
  return { id, sha256: sha256(secret) };
};

const sha256 = (secret: string): string => createHash("sha256").update(secret).digest("hex");
