import { createHash } from "node:crypto";
import * as core from "../../core/api/mirror-set.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The set of mirrors, as a publication names it. */
export const mirrorSetOf = (mirrorVolumeIds: readonly string[]): core.MirrorSet =>
  core.mirrorSetOf(mirrorVolumeIds, sha256);
