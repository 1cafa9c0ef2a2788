import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { OwnedVolume } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";

/**
 * A mirror volume that a peer speaks of, as the storage has it now: the session may have been
 * opened at another gateway, and its grant may have ended since.
 * @throws VOLUME_UNKNOWN, PEER_REFUSED when another site is to send what it takes next
 */
export const mirrorFor = async (
  peer: SiteId,
  mirrorVolumeId: string,
  storage: Pick<StorageDriver, "findMirrorVolume">,
): Promise<OwnedVolume> => {
  const mirror = await storage.findMirrorVolume(mirrorVolumeId);
  if (mirror === undefined) {
    throw new VisibleError("VOLUME_UNKNOWN", `There is no mirror volume ${mirrorVolumeId} here.`, {
      hint: "Prepare the mirror first.",
    });
  }
  const { grant } = mirror;
  if (grant === undefined || grant.sender === peer) return mirror;
  const message = `This site has not been told to take anything from site ${peer} into the mirror ${mirrorVolumeId}.`;
  throw new VisibleError("PEER_REFUSED", message, {
    hint: "See that the gateway has the certificate of its own site.",
  });
};

/** The same in a session. @throws FENCED too: its group has been published or aborted */
export const mirrorInSession = async (...of: Parameters<typeof mirrorFor>): Promise<OwnedVolume> => {
  const mirror = await mirrorFor(...of);
  if (mirror.grant !== undefined) return mirror;
  throw new VisibleError("FENCED", `The mirror ${of[1]} takes no more of these writes: its group has ended.`, {
    hint: "Drop the task; the group has been published or aborted.",
  });
};
