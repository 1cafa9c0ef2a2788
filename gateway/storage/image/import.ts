import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Geometry } from "../../../core/api/object/volume-shape.ts";
import { exactBytes } from "../../../core/object/exact-bytes.ts";
import type { StorageCall } from "../call.ts";
import type { StorageDriver } from "../driver.ts";
import type { StagedVolume } from "../volume-io.ts";
import { changedRanges } from "./changed-ranges.ts";
import type { Image } from "./image.ts";
import { openImage } from "./image-file.ts";
import { streamedImage } from "./image-stream.ts";
import { dataPiecesOf, pieceBytes, piecesOf } from "./pieces.ts";
import { readAhead } from "./read-ahead.ts";

/** So much is written between two flushes. */
const flushBytes = 64 * 1024 * 1024;
const zeros = Buffer.alloc(pieceBytes);

export interface ImageProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export type ImportOptions = {
  readonly storage: Pick<StorageDriver, "kind" | "stageVolume">;
  /** Takes what comes for a raw disk, whatever it looks like. */
  readonly format?: "raw" | undefined;
  readonly signal: AbortSignal;
  /** Called after every MiB. */
  readonly onProgress?: (progress: ImageProgress) => void;
} & (
  | { readonly file: string }
  | {
      readonly file?: undefined;
      /** A raw image; it is ended whatever comes of it. */
      readonly input: Readable;
      readonly sizeBytes: number;
    }
) &
  (
    | {
        /** A volume that is there. */
        readonly into: string;
        /** Whether it may grow to the image's size. */
        readonly resize?: boolean;
        /** It is a file's, which may have any length; a disk has whole sectors. */
        readonly anyLength?: boolean;
      }
    | {
        readonly into?: undefined;
        readonly name: string;
        readonly kind: "lun" | "volume";
        readonly geometry?: Geometry;
      }
  );

export interface ImportResult {
  readonly volumeId: string;
  /** Of the object whose volume it is. */
  readonly objectId: string;
  /** Of the image, and of the volume now. */
  readonly sizeBytes: number;
  readonly writtenBytes: number;
  readonly zeroedBytes: number;
}

/**
 * Brings a disk image into a cluster: a raw one, or a container (qcow2, VMDK, VHD, …) where
 * qemu-img is installed.
 *
 * All or nothing: it is written where nobody sees it and becomes the volume at the end, in one
 * step; whatever fails, and whoever looks or takes a snapshot meanwhile, there is no volume yet, or
 * the one that was. Into a new volume the blocks of 64 KiB that aren't zeros are written; into one
 * that is there only the blocks that differ (that is what a store keeps as one), and zeros where
 * the image has some and the volume hasn't. What is damaged in the volume is written anew.
 *
 * @throws IMAGE_UNREADABLE, IMAGE_UNSUPPORTED, IMAGE_TOO_SMALL, TOOL_MISSING, VOLUME_TOO_SMALL,
 *   VOLUME_NAME_TAKEN, VOLUME_UNKNOWN, VOLUME_BUSY, VOLUME_IS_MIRROR, IMPORT_UNSUPPORTED,
 *   STORE_FULL, the signal's reason
 */
export const importImage = async (options: ImportOptions): Promise<ImportResult> => {
  const { format, signal } = options;
  const how = { format, signal, anyLength: options.into !== undefined && options.anyLength };
  const image =
    options.file === undefined
      ? await streamedImage(options.input, { sizeBytes: options.sizeBytes, ...how })
      : await openImage(options.file, how);
  try {
    const staged = await stage(image, options);
    try {
      return await fill(staged, image, options);
    } finally {
      // What can't be tidied up now is by whoever opens the store next; it changes nothing of what
      // has come of the import.
      await staged.close().catch(() => undefined);
    }
  } finally {
    await image.close();
  }
};

const stage = async ({ sizeBytes }: Image, options: ImportOptions): Promise<StagedVolume> => {
  const { storage, signal } = options;
  if (storage.stageVolume === undefined) {
    throw new VisibleError("IMPORT_UNSUPPORTED", `A ${storage.kind} can't take an image all at once or not at all.`, {
      hint: "Import it with the cluster's own tools.",
    });
  }
  if (options.into !== undefined) {
    return storage.stageVolume({ into: options.into, ...(options.resize && { growTo: sizeBytes }) }, { signal });
  }
  const { name, kind, geometry } = options;
  return storage.stageVolume({ create: { name, kind, sizeBytes, ...(geometry && { geometry }) } }, { signal });
};

const fill = async (staged: StagedVolume, image: Image, options: ImportOptions): Promise<ImportResult> => {
  refuseOtherSize(staged.sizeBytes, image.sizeBytes);
  const changed = await copy(image, staged, options);
  await image.finish();
  options.signal.throwIfAborted();
  // Without the signal: somebody who is told that nothing was imported has to
  // be able to rely on it.
  const object = await staged.swapIn();
  const volumeId = options.into ?? object.volumes[0]?.id ?? object.id;
  return { volumeId, objectId: object.id, sizeBytes: image.sizeBytes, ...changed };
};

/** @throws VOLUME_TOO_SMALL, IMAGE_TOO_SMALL */
const refuseOtherSize = (volumeBytes: number, imageBytes: number): void => {
  if (volumeBytes < imageBytes) {
    throw new VisibleError(
      "VOLUME_TOO_SMALL",
      `The image has ${exactBytes(imageBytes)} and the volume only ${exactBytes(volumeBytes)}.`,
      {
        hint: "Let the volume grow with --resize, or import the image as a new volume.",
      },
    );
  }
  if (volumeBytes > imageBytes) {
    throw new VisibleError(
      "IMAGE_TOO_SMALL",
      `The image has only ${exactBytes(imageBytes)} and the volume ${exactBytes(volumeBytes)}.`,
      {
        hint: "A volume does not shrink: import the image as a new volume, or give it the volume's size first (truncate -s).",
      },
    );
  }
};

const copy = async (
  image: Image,
  volume: StagedVolume,
  { into, signal, onProgress }: ImportOptions,
): Promise<{ writtenBytes: number; zeroedBytes: number }> => {
  const { sizeBytes } = image;
  // A new volume holds zeros, so holes of the image have nothing to be compared with.
  const compares = into !== undefined;
  const call = { signal };
  const changed = { write: 0, zero: 0 };
  let unflushedBytes = 0;
  signal.throwIfAborted();
  const pieces = readAhead({
    pieces: compares ? piecesOf(sizeBytes, image.data) : dataPiecesOf(sizeBytes, image.data),
    signal,
    makeBuffers: () => ({
      image: Buffer.alloc(pieceBytes),
      held: compares ? Buffer.alloc(pieceBytes) : undefined,
    }),
    fill: async (buffers, { offset, length, isHole }) => {
      if (!isHole) await image.read(offset, buffers.image.subarray(0, length));
      // Nothing need have been waited for, and a signal is only noticed when somebody does.
      else await setImmediate();
      if (buffers.held === undefined) return;
      const wanted = (isHole ? zeros : buffers.image).subarray(0, length);
      await readHeld(volume, { offset, wanted, held: buffers.held, call });
    },
  });
  for await (const { piece, buffers } of pieces) {
    const { offset, length, isHole } = piece;
    const wanted = (isHole ? zeros : buffers.image).subarray(0, length);
    for (const range of changedRanges(wanted, buffers.held)) {
      if (range.kind === "zero") await volume.zero(offset + range.offset, range.length, call);
      else await volume.write(offset + range.offset, wanted.subarray(range.offset, range.offset + range.length), call);
      changed[range.kind] += range.length;
      unflushedBytes += range.length;
    }
    if (unflushedBytes >= flushBytes) {
      await volume.flush(call);
      unflushedBytes = 0;
    }
    onProgress?.({ doneBytes: offset + length, totalBytes: sizeBytes });
  }
  return { writtenBytes: changed.write, zeroedBytes: changed.zero };
};

/**
 * Fills `held` with what the volume holds. What is damaged in it equals nothing that is wanted, and
 * is written anew.
 */
const readHeld = async (
  volume: StagedVolume,
  part: {
    readonly offset: number;
    readonly wanted: Uint8Array;
    readonly held: Uint8Array;
    readonly call: StorageCall;
  },
): Promise<void> => {
  const { offset, wanted, held, call } = part;
  try {
    await volume.read(offset, held.subarray(0, wanted.length), call);
  } catch (error) {
    if (!VisibleError.is(error, "STORE_CORRUPT")) throw error;
    for (const [at, byte] of wanted.entries()) held[at] = byte ^ 0xff;
  }
};
