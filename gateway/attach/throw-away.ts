import type { NbdExport } from "../nbd/export.ts";
import { Overlay } from "../nbd/overlay/overlay.ts";

/** What may be written to one disk: it lies on the gateway's own. */
const bytesMax = 4 * 1024 ** 3;

/**
 * The same exports, to be written: what is written lies in files without names, which are gone with
 * this process at the latest.
 * @throws VisibleError STORE_FULL, DISK_FAILED, BAD_REQUEST (of the folder)
 */
export const throwAway = async (
  bases: readonly NbdExport[],
  folder: string,
): Promise<{ readonly exports: readonly NbdExport[]; close(): Promise<void> }> => {
  const overlays: Overlay[] = [];
  const close = async () => {
    await Promise.allSettled(overlays.map((overlay) => overlay.close()));
  };
  try {
    for (const base of bases) overlays.push(await Overlay.over(base, { folder, bytesMax }));
    return { exports: overlays, close };
  } catch (error) {
    await close();
    throw error;
  }
};
