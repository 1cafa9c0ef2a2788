import { stat } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";
import { newName } from "../../core/api/name.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import type { ImportResult } from "../../gateway/storage/image/import.ts";
import type { Answer, Context } from "../context/context.ts";
import { imageMeter } from "../context/image-progress.ts";
import { tellInventory } from "../control-plane/inventory.ts";
import { refuseRunning, volumeOf } from "../find/find-disk.ts";
import { findChangeableObject } from "../find/find-object.ts";
import { findChangeable } from "../find/find-volume.ts";
import { bytesText, durationText } from "../render/units.ts";

interface ImportOptions {
  readonly site: string;
  readonly name?: string;
  /** What to make, or of what kind `object` is. */
  readonly kind?: ObjectKind;
  readonly into?: string;
  /** Into a volume of this object: of a VM, that of `disk`. */
  readonly object?: string;
  readonly disk?: number;
  readonly resize?: boolean;
  readonly size?: number;
  readonly format?: "raw";
  readonly store?: string;
}

const standardInput = "-";

/**
 * `volume import`: into the storage, and then into the API's inventory, so that a plan can name it
 * at once.
 */
export const importVolume = async (context: Context, file: string, options: ImportOptions): Promise<Answer> => {
  const { host } = context;
  if (file !== standardInput) await refuseNoImage(file);
  const storage = await context.openStorage(options.site, options.store);
  const beganAtMs = host.time.nowMs();
  const result = await brought(context, storage, file, options).finally(() => storage.close());
  const seconds = (host.time.nowMs() - beganAtMs) / 1000;
  const isKnown = await tellInventory(context, options.site, result.objectId, (seen) => seen !== undefined);
  const text =
    `${isNew(options) ? "Made" : "Wrote into"} ${placeText(options)} (${result.objectId}) ` +
    `of ${bytesText(result.sizeBytes)} on site ${options.site}: ${bytesText(result.writtenBytes)} written` +
    `${result.zeroedBytes > 0 ? `, ${bytesText(result.zeroedBytes)} zeroed` : ""}, in ${durationText(seconds)}.`;
  const { objectId: id, volumeId: _, ...numbers } = result;
  return { json: { id, ...numbers, site: options.site, seconds, inventoryRefreshed: isKnown }, text };
};

const isNew = ({ into, object }: ImportOptions): boolean => into === undefined && object === undefined;

const placeText = ({ name, into, object, disk }: ImportOptions): string =>
  object === undefined ? (into ?? name ?? "") : `${object}${disk === undefined ? "" : `, disk ${disk}`}`;

/** The volume that the image goes into; undefined: it is to be a new one. */
const volumeIn = async (
  storage: StorageDriver,
  { site, into, object, disk, kind }: ImportOptions,
): Promise<{ readonly into: string; readonly anyLength: boolean } | undefined> => {
  if (object === undefined && into === undefined) return undefined;
  const objects = await storage.inventory();
  if (object === undefined) {
    const { volumeId, object: has } = await findChangeable(storage, site, into ?? "");
    refuseRunning(objects, volumeId, site);
    return { into: volumeId, anyLength: has.kind === "nfs-file" };
  }
  const found = findChangeableObject(objects, { site, nameOrId: object, kind });
  const volumeId = volumeOf(found, disk);
  refuseRunning(objects, volumeId, site);
  return { into: volumeId, anyLength: found.kind === "nfs-file" };
};

const brought = async (
  context: Context,
  storage: StorageDriver,
  file: string,
  options: ImportOptions,
): Promise<ImportResult> => {
  const { name, kind, resize = false, format } = options;
  const { importImage } = await import("../../gateway/storage/image/import.ts");
  const into = await volumeIn(storage, options);
  const target = into === undefined ? { name: nameIn(name), kind: kindIn(kind) } : { ...into, resize };
  const { signal } = context.host;
  const { onProgress, end } = imageMeter(context, "importing");
  try {
    return await importImage({ ...sourceOf(context, file, options), storage, format, signal, onProgress, ...target });
  } catch (error) {
    if (signal.aborted)
      context.warn(
        `Nothing was imported: ${placeText(options)} ${into === undefined ? "was not made" : "is as it was"}.`,
      );
    if (VisibleError.is(error, "VOLUME_NAME_TAKEN") && name !== undefined) {
      const hint = `Choose another name, or write the image over that volume: --into ${name}`;
      throw new VisibleError("VOLUME_NAME_TAKEN", error.message, { hint, cause: error });
    }
    throw error;
  } finally {
    end();
  }
};

/** What says no more than that it is no image is told before the storage is asked. */
const refuseNoImage = async (file: string): Promise<void> => {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory()) {
    throw new VisibleError("IMAGE_UNREADABLE", `“${file}” is a folder.`, {
      hint: "Name the disk image that is in it.",
    });
  }
  if (found?.isFile() && found.size === 0) {
    throw new VisibleError("IMAGE_UNREADABLE", `“${file}” is empty.`, { hint: "Name a disk image." });
  }
};

const sourceOf = ({ host }: Context, file: string, { size }: ImportOptions) => {
  if (file !== standardInput) {
    if (size === undefined) return { file };
    throw new VisibleError("BAD_REQUEST", "A file's size is not to be given.", { hint: "--size goes with - only." });
  }
  if (size === undefined) {
    throw new VisibleError("BAD_REQUEST", "It is not said how long the image from standard input is.", {
      hint: "Give its size in bytes, such as --size 10GiB. A file of this name is ./-",
    });
  }
  const input = host.input();
  if (input.isTTY !== true) return { input, sizeBytes: size };
  throw new VisibleError("BAD_REQUEST", "Standard input is a terminal, and an image is to come from it.", {
    hint: "Pipe the image in: … | smtx-backup volume import - --size SIZE --site SITE …",
  });
};

const nameIn = (name: string | undefined): string => {
  if (name !== undefined) return newName(name);
  throw new VisibleError("BAD_REQUEST", "It is not said where the image is to go.", {
    hint: "Give --name NAME for a new volume, --into VOLUME for one that is there, or --object VM --disk N.",
  });
};

/** @throws VisibleError BAD_REQUEST for a kind that is not made by an import */
const kindIn = (kind: ObjectKind = "lun"): "lun" | "volume" => {
  if (kind === "lun" || kind === "volume") return kind;
  throw new VisibleError("BAD_REQUEST", `An import makes LUNs and volumes, and no ${kind}.`, {
    hint: "Make it with smtx-backup object create -f FILE --site SITE; then write the image into it with --object NAME.",
  });
};
