import { LRUCache } from "lru-cache";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { StorageDriver } from "../storage/driver.ts";

/** What a receiver has to know of a mirror volume, besides its content. */
export interface Mirror {
  readonly source: SiteId;
  readonly sizeBytes: number;
  readonly geometry: Geometry;
}

const rememberedMax = 1024;

/**
 * Whose a mirror volume is, asked of the storage, because the session may have been opened at
 * another gateway. Remembered for an epoch: size and shape do not change within one.
 */
export class Mirrors {
  readonly #known = new LRUCache<string, Mirror>({ max: rememberedMax });

  /** @throws VOLUME_UNKNOWN, PEER_REFUSED when the mirror is not of `site` */
  async ownedBy(
    site: SiteId,
    options: { readonly mirrorVolumeId: string; readonly epoch: number },
    storage: Pick<StorageDriver, "findMirrorVolume">,
  ): Promise<Mirror> {
    const key = `${options.epoch} ${options.mirrorVolumeId}`;
    const mirror = this.#known.get(key) ?? (await find(options.mirrorVolumeId, storage));
    if (mirror.source !== site) {
      throw new VisibleError("PEER_REFUSED", `The mirror ${options.mirrorVolumeId} is not one of site ${site}.`, {
        hint: "A gateway may write the mirrors of its own site only.",
      });
    }
    // Only now, so that no stranger's guess of an epoch is remembered.
    this.#known.set(key, mirror);
    return mirror;
  }
}

/** @throws VOLUME_UNKNOWN */
const find = async (mirrorVolumeId: string, storage: Pick<StorageDriver, "findMirrorVolume">): Promise<Mirror> => {
  const found = await storage.findMirrorVolume(mirrorVolumeId);
  if (found !== undefined) {
    return { source: found.owner.source, sizeBytes: found.sizeBytes, geometry: found.geometry };
  }
  throw new VisibleError("VOLUME_UNKNOWN", `There is no mirror volume ${mirrorVolumeId} here.`, {
    hint: "Prepare the mirror first.",
  });
};
