import { VisibleError } from "../../../core/api/errors.ts";
import type { Geometry } from "../../../core/api/object.ts";
import type { StorageDriver, VolumeHandle } from "../driver.ts";
import { type ImageFile, openImage } from "./image-file.ts";
import { pieceBytes, readAhead } from "./read-ahead.ts";
import { runsBetween } from "./runs.ts";

/** So much is written between two flushes. */
const flushBytes = 64 * 1024 * 1024;

export interface ImageProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export type ImportOptions = {
  readonly file: string;
  readonly storage: Pick<StorageDriver, "createVolume" | "openVolume" | "deleteVolume">;
  readonly signal: AbortSignal;
  /** Called after every MiB. */
  readonly onProgress?: (progress: ImageProgress) => void;
} & (
  | {
      /** A volume that is there; what lies past the image's end in it stays as it is. */
      readonly into: string;
    }
  | { readonly into?: undefined; readonly name: string; readonly kind: "lun" | "volume"; readonly geometry?: Geometry }
);

export interface ImportResult {
  readonly volumeId: string;
  /** Of the image. */
  readonly sizeBytes: number;
  readonly writtenBytes: number;
  readonly zeroedBytes: number;
}

/**
 * Brings a disk image into a cluster: raw, or qcow2, vmdk or vhdx where qemu-img is installed.
 *
 * Into a new volume it writes the blocks of 64 KiB that aren't zeros; when it fails, the volume is deleted again. Into a
 * volume that is there it writes only the blocks of 64 KiB that differ (that is what a store keeps as one), and zeros
 * where the image has some and the volume hasn't; when it fails, doing it again goes on from there.
 *
 * @throws IMAGE_UNREADABLE, TOOL_MISSING, VOLUME_TOO_SMALL, VOLUME_NAME_TAKEN, VOLUME_UNKNOWN, VOLUME_BUSY,
 *   VOLUME_IS_MIRROR, STORE_FULL, the signal's reason
 */
export const importImage = async (options: ImportOptions): Promise<ImportResult> => {
  const image = await openImage(options.file, options.signal);
  try {
    return options.into === undefined
      ? await importFresh(image, options)
      : await importInto(image, options.into, options);
  } finally {
    await image.close();
  }
};

const importFresh = async (
  image: ImageFile,
  options: Extract<ImportOptions, { readonly name: string }>,
): Promise<ImportResult> => {
  const { storage, name, kind, geometry } = options;
  const object = await storage.createVolume({
    name,
    kind,
    sizeBytes: image.sizeBytes,
    ...(geometry === undefined ? {} : { geometry }),
  });
  const volumeId = object.volumes[0]?.id ?? object.id;
  try {
    return await withVolume(storage, volumeId, (volume) => copy({ image, volume, volumeId, compare: false }, options));
  } catch (error) {
    await deleteHalfMade(storage, volumeId, name, error);
    throw error;
  }
};

const importInto = (image: ImageFile, volumeId: string, options: ImportOptions): Promise<ImportResult> =>
  withVolume(options.storage, volumeId, (volume) => {
    if (volume.sizeBytes < image.sizeBytes) {
      throw new VisibleError(
        "VOLUME_TOO_SMALL",
        `The image has ${image.sizeBytes} bytes and the volume ${volumeId} only ${volume.sizeBytes}.`,
        { hint: "Import it as a new volume, or choose one that is at least as large." },
      );
    }
    return copy({ image, volume, volumeId, compare: true }, options);
  });

const copy = async (
  {
    image,
    volume,
    volumeId,
    compare,
  }: {
    readonly image: ImageFile;
    readonly volume: VolumeHandle;
    readonly volumeId: string;
    /** False for a volume that is known to hold zeros. */
    readonly compare: boolean;
  },
  { signal, onProgress }: ImportOptions,
): Promise<ImportResult> => {
  const { sizeBytes } = image;
  const changed = { write: 0, zero: 0 };
  let unflushedBytes = 0;
  const pieces = readAhead({
    sizeBytes,
    signal,
    makeBuffers: () => ({
      image: Buffer.alloc(pieceBytes),
      held: compare ? Buffer.alloc(pieceBytes) : undefined,
    }),
    fill: async (buffers, offset, length) => {
      await image.read(offset, buffers.image.subarray(0, length));
      if (buffers.held !== undefined) await volume.read(offset, buffers.held.subarray(0, length));
    },
  });
  for await (const { offset, length, buffers } of pieces) {
    const wanted = buffers.image.subarray(0, length);
    for (const run of runsBetween(wanted, buffers.held)) {
      if (run.kind === "zero") await volume.zero(offset + run.offset, run.length);
      else await volume.write(offset + run.offset, wanted.subarray(run.offset, run.offset + run.length));
      changed[run.kind] += run.length;
      unflushedBytes += run.length;
    }
    if (unflushedBytes >= flushBytes) {
      await volume.flush();
      unflushedBytes = 0;
    }
    onProgress?.({ doneBytes: offset + length, totalBytes: sizeBytes });
  }
  await volume.flush();
  return { volumeId, sizeBytes, writtenBytes: changed.write, zeroedBytes: changed.zero };
};

const withVolume = async <T>(
  storage: ImportOptions["storage"],
  volumeId: string,
  use: (volume: VolumeHandle) => Promise<T>,
): Promise<T> => {
  const volume = await storage.openVolume(volumeId, "write");
  try {
    return await use(volume);
  } finally {
    await volume.close();
  }
};

/** When that fails too, the first error is told, with what is left behind. */
const deleteHalfMade = async (
  storage: ImportOptions["storage"],
  volumeId: string,
  name: string,
  error: unknown,
): Promise<void> => {
  try {
    await storage.deleteVolume(volumeId);
  } catch (deleteError) {
    const message = error instanceof Error ? error.message : `${error}`;
    throw new VisibleError(
      VisibleError.is(error) ? error.code : "INTERNAL",
      `${message} And the half-made volume “${name}” (${volumeId}) could not be deleted.`,
      { hint: `Delete “${name}” before you import again.`, cause: new AggregateError([error, deleteError]) },
    );
  }
};
