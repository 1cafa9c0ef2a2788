import { stat } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";
import { newName } from "../../core/object/name.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import type { ImportResult } from "../../gateway/storage/image/import.ts";
import type { Answer, Context } from "../context.ts";
import { findChangeable } from "../find-volume.ts";
import { imageMeter } from "../image-progress.ts";
import { tellInventory } from "../inventory.ts";
import { bytesText, durationText } from "../render/units.ts";

interface ImportOptions {
  readonly site: string;
  readonly name?: string;
  readonly kind: "lun" | "volume";
  readonly into?: string;
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
    `${options.into === undefined ? "Made" : "Wrote into"} ${options.into ?? options.name} (${result.objectId}) ` +
    `of ${bytesText(result.sizeBytes)} on site ${options.site}: ${bytesText(result.writtenBytes)} written` +
    `${result.zeroedBytes > 0 ? `, ${bytesText(result.zeroedBytes)} zeroed` : ""}, in ${durationText(seconds)}.`;
  const { objectId: id, ...numbers } = result;
  return { json: { id, ...numbers, site: options.site, seconds, inventoryRefreshed: isKnown }, text };
};

const brought = async (
  context: Context,
  storage: StorageDriver,
  file: string,
  options: ImportOptions,
): Promise<ImportResult> => {
  const { site, name, kind, into, resize = false, format } = options;
  const { importImage } = await import("../../gateway/storage/image/import.ts");
  const target =
    into === undefined
      ? { name: nameIn(name), kind }
      : { into: (await findChangeable(storage, site, into)).volumeId, resize };
  const { signal } = context.host;
  const { onProgress, end } = imageMeter(context, "importing");
  try {
    return await importImage({ ...sourceOf(context, file, options), storage, format, signal, onProgress, ...target });
  } catch (error) {
    if (signal.aborted)
      context.warn(`Nothing was imported: ${into === undefined ? `${name} was not made` : `${into} is as it was`}.`);
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
    hint: "Pipe the image in: … | smtx-backup volume import - …",
  });
};

const nameIn = (name: string | undefined): string => {
  if (name !== undefined) return newName(name);
  throw new VisibleError("BAD_REQUEST", "It is not said where the image is to go.", {
    hint: "Give --name NAME for a new volume, or --into VOLUME for one that is there.",
  });
};
